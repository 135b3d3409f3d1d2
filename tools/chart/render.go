// Package chart holds deploy/helm/imgd against what Kubernetes takes: Helm's own
// engine renders it, kubeconform checks the result.
package chart

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/yaml"
)

// Folder is where the chart is.
const Folder = "../../deploy/helm/imgd"

// Render returns the manifests that the chart makes of values in YAML, as one stream,
// and the notes.
func Render(values string) (manifests, notes string, err error) {
	c, err := loader.Load(Folder)
	if err != nil {
		return "", "", err
	}
	given := map[string]any{}
	if err := yaml.Unmarshal([]byte(values), &given); err != nil {
		return "", "", err
	}
	version, err := common.ParseKubeVersion(kubernetes)
	if err != nil {
		return "", "", err
	}
	all, err := util.ToRenderValues(c, given, common.ReleaseOptions{Name: "pictures", Namespace: "shop", Revision: 1, IsInstall: true},
		&common.Capabilities{KubeVersion: *version, APIVersions: common.DefaultVersionSet})
	if err != nil {
		return "", "", err
	}
	files, err := engine.Engine{Strict: true}.Render(c, all)
	if err != nil {
		return "", "", err
	}
	var stream strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		switch {
		case strings.HasSuffix(name, "/NOTES.txt"):
			notes = files[name]
		case strings.TrimSpace(files[name]) != "" && !strings.HasPrefix(path.Base(name), "_"):
			fmt.Fprintf(&stream, "---\n# %s\n%s\n", name, files[name])
		}
	}
	return stream.String(), notes, nil
}

// Examples are the values that are tried, by the names of their files.
func Examples() (map[string]string, error) {
	dir := os.DirFS(Folder + "/ci")
	list, err := os.ReadDir(Folder + "/ci")
	if err != nil {
		return nil, err
	}
	examples := map[string]string{}
	for _, e := range list {
		text, err := readFile(dir, e.Name())
		if err != nil {
			return nil, err
		}
		examples[strings.TrimSuffix(e.Name(), ".yaml")] = text
	}
	return examples, nil
}
