package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// The releases that the chart is held against. Their sums are here since they are in
// no go.mod: nothing of them is compiled.
const (
	kubernetes    = "v1.37.2"
	kubernetesSum = "h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE="
	keda          = "v2.21.0"
	kedaSum       = "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps="
)

// Schemas writes the JSON schemas of all kinds of Kubernetes, and of KEDA's
// ScaledObject, into a folder, by the names that kubeconform looks for. They are those
// of the API description that each release has: strict ones, which know no other
// fields.
func Schemas(folder string) error {
	release, err := fetch("k8s.io/kubernetes", kubernetes, kubernetesSum)
	if err != nil {
		return err
	}
	text, err := readFile(release, "api/openapi-spec/swagger.json")
	if err != nil {
		return err
	}
	if err := writeKinds(folder, []byte(text)); err != nil {
		return err
	}
	if release, err = fetch("github.com/kedacore/keda/v2", keda, kedaSum); err != nil {
		return err
	}
	if text, err = readFile(release, "config/crd/bases/keda.sh_scaledobjects.yaml"); err != nil {
		return err
	}
	return writeResource(folder, []byte(text))
}

// fetch has a release of a module downloaded and returns its files.
func fetch(module, version, sum string) (fs.FS, error) {
	cmd := exec.Command("go", "mod", "download", "-json", module+"@"+version)
	cmd.Dir = os.TempDir() // of no module, so that no go.mod has a say in it
	out, err := cmd.Output()
	var got struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &got); jsonErr != nil || err != nil || got.Error != "" {
		return nil, fmt.Errorf("%s@%s cannot be had: %s (%v)", module, version, got.Error, err)
	}
	if got.Sum != sum {
		return nil, fmt.Errorf("%s@%s has the sum %s, want %s", module, version, got.Sum, sum)
	}
	return os.DirFS(got.Dir), nil
}

func readFile(dir fs.FS, name string) (string, error) {
	text, err := fs.ReadFile(dir, name)
	return string(text), err
}

// writeKinds writes a file of all definitions, and one for each kind that names its own.
func writeKinds(folder string, swagger []byte) error {
	var spec struct{ Definitions map[string]map[string]any }
	if err := json.Unmarshal(swagger, &spec); err != nil {
		return err
	}
	for name, d := range spec.Definitions {
		switch {
		case strings.HasSuffix(name, ".intstr.IntOrString"), strings.HasSuffix(name, ".resource.Quantity"):
			d["type"] = []string{"string", "number"}
			delete(d, "format")
		default:
			closed(d)
		}
		kinds, _ := d["x-kubernetes-group-version-kind"].([]any)
		for _, k := range kinds {
			k := k.(map[string]any)
			file := kindFile(k["kind"].(string), k["group"].(string), k["version"].(string))
			if err := write(folder, file, map[string]any{"$ref": "definitions.json#/definitions/" + name}); err != nil {
				return err
			}
		}
	}
	return write(folder, "definitions.json", map[string]any{"definitions": spec.Definitions})
}

// writeResource writes the schemas of a custom resource's versions.
func writeResource(folder string, definition []byte) error {
	var crd struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema map[string]any }
			}
		}
	}
	if err := yaml.Unmarshal(definition, &crd); err != nil {
		return err
	}
	for _, v := range crd.Spec.Versions {
		closed(v.Schema.OpenAPIV3Schema)
		if err := write(folder, kindFile(crd.Spec.Names.Kind, crd.Spec.Group, v.Name), v.Schema.OpenAPIV3Schema); err != nil {
			return err
		}
	}
	return nil
}

// closed has every object that names its fields know no others.
func closed(node any) {
	switch n := node.(type) {
	case map[string]any:
		_, named := n["properties"].(map[string]any)
		_, more := n["additionalProperties"]
		if named && !more && n["x-kubernetes-preserve-unknown-fields"] != true {
			n["additionalProperties"] = false
		}
		if n["x-kubernetes-int-or-string"] == true {
			delete(n, "pattern") // of the string alone
		}
		for _, child := range n {
			closed(child)
		}
	case []any:
		for _, child := range n {
			closed(child)
		}
	}
}

// kindFile is deployment-apps-v1.json.
func kindFile(kind, group, version string) string {
	group, _, _ = strings.Cut(group, ".")
	parts := []string{kind, group, version}
	if group == "" {
		parts = []string{kind, version}
	}
	return strings.ToLower(strings.Join(parts, "-")) + ".json"
}

func write(folder, name string, schema any) error {
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(schema); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), text.Bytes(), 0o600)
}
