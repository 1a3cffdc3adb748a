// Command gitops-rules says what Argo CD and Flux make of an object: by the rules of Argo CD, which its module embeds, and by
// the code of Flux. One question a line on stdin, one answer a line on stdout, both JSON.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A question about one object.
type question struct {
	// Which rules: "argocd health", "argocd actions", "argocd action", "kstatus" or "flux".
	Ask string `json:"ask"`
	// The action to run, for "argocd action".
	Action string `json:"action"`
	// What a Kustomization says under healthCheckExprs, for "flux".
	Expressions json.RawMessage `json:"expressions"`
	// The object as the API server gives it.
	Object json.RawMessage `json:"object"`
}

// What the rules say. Only what was asked for is set.
type answer struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	// Names of the actions that are offered and not greyed out.
	Enabled []string `json:"enabled,omitempty"`
	// The two merge patches that an action comes to: for the status subresource, then for the object.
	StatusPatch json.RawMessage `json:"statusPatch,omitempty"`
	Patch       json.RawMessage `json:"patch,omitempty"`
	// Why the rules have no answer.
	Error string `json:"error,omitempty"`
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) == 0 {
			return
		}
		given, failed := reply(line)
		if failed != nil {
			given.Error = failed.Error()
		}
		if answers.Encode(given) != nil || err != nil {
			return
		}
	}
}

func reply(line []byte) (answer, error) {
	var asked question
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{}, fmt.Errorf("reading a question: %w", err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(asked.Object); err != nil {
		return answer{}, fmt.Errorf("reading the object: %w", err)
	}
	switch asked.Ask {
	case "argocd health":
		return argoHealth(object)
	case "argocd actions":
		return argoActions(object)
	case "argocd action":
		return argoAction(object, asked.Action)
	case "kstatus":
		return kstatus(object)
	case "flux":
		return flux(object, asked.Expressions)
	}
	return answer{}, errors.New("there are no such rules: " + asked.Ask)
}
