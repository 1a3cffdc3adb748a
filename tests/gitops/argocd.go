package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/argoproj/argo-cd/v3/resource_customizations"
	jsonpatch "github.com/evanphx/json-patch"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// Argo CD stops a rule that takes longer.
const ruleTimeout = time.Second

func argoHealth(object *unstructured.Unstructured) (answer, error) {
	var found struct{ Status, Message string }
	if err := run(object, "health.lua", true, &found); err != nil {
		return answer{}, err
	}
	known := []string{"Unknown", "Progressing", "Suspended", "Healthy", "Degraded", "Missing"}
	if !slices.Contains(known, found.Status) {
		return answer{}, fmt.Errorf("Argo CD has no health %q and shows Unknown", found.Status)
	}
	return answer{Status: found.Status, Message: found.Message}, nil
}

func argoActions(object *unstructured.Unstructured) (answer, error) {
	var offered map[string]any
	if err := run(object, "actions/discovery.lua", false, &offered); err != nil {
		return answer{}, err
	}
	given := answer{Enabled: []string{}}
	for name, action := range offered {
		// Nothing said, which Lua makes an empty list of, and what is no boolean do not disable.
		settings, _ := action.(map[string]any)
		if disabled, _ := settings["disabled"].(bool); !disabled {
			given.Enabled = append(given.Enabled, name)
		}
	}
	slices.Sort(given.Enabled)
	return given, nil
}

// Runs an action, and says what Argo CD would send: a merge patch of what the action changed, its status apart.
func argoAction(object *unstructured.Unstructured, name string) (answer, error) {
	var changed map[string]any
	if err := run(object, "actions/"+name+"/action.lua", false, &changed); err != nil {
		return answer{}, err
	}
	before, err := json.Marshal(object.Object)
	if err != nil {
		return answer{}, err
	}
	after, err := json.Marshal(unemptied(changed, object.Object))
	if err != nil {
		return answer{}, err
	}
	patch, err := jsonpatch.CreateMergePatch(before, after)
	if err != nil {
		return answer{}, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(patch, &fields); err != nil {
		return answer{}, err
	}
	var given answer
	if status, there := fields["status"]; there {
		delete(fields, "status")
		if given.StatusPatch, err = json.Marshal(map[string]json.RawMessage{"status": status}); err != nil {
			return answer{}, err
		}
	}
	if len(fields) > 0 {
		given.Patch, err = json.Marshal(fields)
	}
	return given, err
}

// Runs one of Argo CD's rules for the object's kind, with the libraries that it would have there.
func run(object *unstructured.Unstructured, file string, allLibraries bool, into any) error {
	kind := object.GroupVersionKind()
	path := kind.Group + "/" + kind.Kind + "/" + file
	rule, err := resource_customizations.Embedded.ReadFile(path)
	if err != nil {
		return fmt.Errorf("Argo CD has no rule for this: %w", err)
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: !allLibraries})
	defer state.Close()
	libraries := []struct {
		name string
		open lua.LGFunction
	}{
		{lua.LoadLibName, lua.OpenPackage},
		{lua.BaseLibName, lua.OpenBase},
		{lua.TabLibName, lua.OpenTable},
		{lua.OsLibName, lua.OpenOs},
	}
	for _, library := range libraries {
		open := lua.P{Fn: state.NewFunction(library.open), NRet: 0, Protect: true}
		if err := state.CallByParam(open, lua.LString(library.name)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), ruleTimeout)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", toLua(state, object.Object))
	state.SetGlobal("actionParams", state.NewTable())
	if err := state.DoString(string(rule)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	text, err := luajson.Encode(state.Get(-1))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return json.Unmarshal(text, into)
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case float64:
		return lua.LNumber(value)
	case int64:
		return lua.LNumber(value)
	case string:
		return lua.LString(value)
	case []any:
		table := state.CreateTable(len(value), 0)
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.CreateTable(0, len(value))
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	}
	return lua.LNil
}

// Lua has one kind of table, and an empty one comes back as a list. Where the object had an empty map, it is one again.
func unemptied(after, before any) any {
	switch after := after.(type) {
	case map[string]any:
		if before, same := before.(map[string]any); same {
			for key := range after {
				if was, there := before[key]; there {
					after[key] = unemptied(after[key], was)
				}
			}
		}
	case []any:
		switch before := before.(type) {
		case map[string]any:
			if len(after) == 0 {
				return map[string]any{}
			}
		case []any:
			for index := range min(len(after), len(before)) {
				after[index] = unemptied(after[index], before[index])
			}
		}
	}
	return after
}
