package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// What Flux takes an object's status to be where the Kustomization says nothing about its kind; Helm does the same.
func kstatus(object *unstructured.Unstructured) (answer, error) {
	found, err := status.Compute(object)
	if err != nil {
		return answer{}, err
	}
	return answer{Status: found.Status.String(), Message: found.Message}, nil
}

// The same where the Kustomization has expressions for its kind.
func flux(object *unstructured.Unstructured, expressions json.RawMessage) (answer, error) {
	var checks []kustomize.CustomHealthCheck
	if err := json.Unmarshal(expressions, &checks); err != nil {
		return answer{}, fmt.Errorf("reading healthCheckExprs: %w", err)
	}
	for _, check := range checks {
		if check.APIVersion != object.GetAPIVersion() || check.Kind != object.GetKind() {
			continue
		}
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			return answer{}, err
		}
		found, err := evaluator.Evaluate(context.Background(), object)
		if err != nil {
			return answer{}, err
		}
		return answer{Status: found.Status.String(), Message: found.Message}, nil
	}
	return answer{}, fmt.Errorf("no expressions for %s", object.GetKind())
}
