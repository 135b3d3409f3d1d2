package chart

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yannh/kubeconform/pkg/validator"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// takes is what Kubernetes takes.
var takes validator.Validator

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "schemas")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		if err := Schemas(folder); err != nil {
			panic(err)
		}
		takes, err = validator.New([]string{filepath.Join(folder, "{{ .ResourceKind }}{{ .KindSuffix }}.json")}, validator.Opts{Strict: true})
		if err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

// refused is what kubeconform has against a stream of manifests, and how many are in it.
func refused(manifests string) (wrong []string, n int) {
	for _, r := range takes.ValidateWithContext(context.Background(), "chart", io.NopCloser(strings.NewReader(manifests))) {
		switch r.Status {
		case validator.Empty:
		case validator.Valid:
			n++
		default:
			n++
			wrong = append(wrong, r.Err.Error()+"\n"+string(r.Resource.Bytes))
		}
	}
	return wrong, n
}

// render is every example, rendered.
func render(t *testing.T) map[string]string {
	t.Helper()
	examples, err := Examples()
	if err != nil {
		t.Fatal(err)
	}
	if len(examples) < 5 {
		t.Fatalf("there are examples of %v, want five or more", slices.Sorted(maps.Keys(examples)))
	}
	rendered := map[string]string{}
	for name, values := range examples {
		manifests, notes, err := Render(values)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(notes, "rollout status deploy/pictures-imgd-") {
			t.Errorf("%s: the notes are\n%s", name, notes)
		}
		if own := name != "production"; strings.Contains(notes, "imgd token") != own {
			t.Errorf("%s: a secret that signs tokens is there: %v, and the notes are\n%s", name, own, notes)
		}
		rendered[name] = manifests
	}
	return rendered
}

func TestKubernetesTakesWhatTheChartMakes(t *testing.T) {
	want := map[string]int{"minimal": 11, "production": 13, "keda": 11, "secret": 11, "serve": 6}
	for name, manifests := range render(t) {
		wrong, n := refused(manifests)
		for _, w := range wrong {
			t.Errorf("%s: %s", name, w)
		}
		if n != want[name] {
			t.Errorf("%s is %d objects, want %d:\n%s", name, n, want[name], regexp.MustCompile(`(?m)^kind: .*`).FindAllString(manifests, -1))
		}
	}
}

func TestWhatKubernetesDoesNotTakeIsSeen(t *testing.T) {
	manifests := render(t)["keda"]
	for _, change := range [][2]string{
		{"replicas: 2", "replica: 2"},
		{"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: yes please"},
		{"minReplicaCount: 1", "minReplicas: 1"},
		{"scaleTargetRef: { apiVersion: apps/v1,", "scaleTarget: { apiVersion: apps/v1,"},
		{"apiVersion: policy/v1", "apiVersion: policy/v1beta1"},
	} {
		broken := strings.ReplaceAll(manifests, change[0], change[1])
		if change[0] == "replicas: 2" { // the HPA and KEDA have them here
			broken = strings.ReplaceAll(manifests, "revisionHistoryLimit: 5", change[1])
		}
		if broken == manifests {
			t.Errorf("the chart has no %q any more", change[0])
		}
		if wrong, _ := refused(broken); len(wrong) == 0 {
			t.Errorf("with %q nothing is wrong", change[1])
		}
	}
}

func TestValuesThatCannotWorkAreRefused(t *testing.T) {
	const good = "secret: { existing: imgd }\nsettings: { IMGD_STORAGE_URL: 's3://images?region=a' }\n"
	if _, _, err := Render(good); err != nil {
		t.Fatal(err)
	}
	for values, want := range map[string]string{
		"":                           "imgd needs a Secret",
		"secret: { existing: imgd }": "IMGD_STORAGE_URL",
		"secret: { existing: imgd, values: { a: b } }\n":                                           "keep one",
		"secret: { values: { database-url: a } }\nsettings: { IMGD_STORAGE_URL: 's3://a' }":        "set migrate.mode to init",
		"secret: { values: { a: b } }\nmigrate: { mode: init }\nsettings: { IMGD_STORAGE_URL: a }": "has no ",
		good + "mode: both":                                                   "mode",
		good + "grace: 0":                                                     "grace",
		good + "replicas: 3":                                                  "replicas",
		good + "api: { replicas: two }":                                       "replicas",
		good + "worker: { settings: { IMGD_GRACE: 5s } }":                     "IMGD_GRACE",
		good + "worker: { settings: { PATH: /bin } }":                         "PATH",
		good + "image: { digest: latest }":                                    "digest",
		good + "api: { settings: { IMGD_DATABASE_URL: postgres://u:p@h/d } }": "IMGD_DATABASE_URL is a secret",
		good + "ingress: { enabled: true }":                                   "hosts",
		good + "files: { presets.yaml: a }":                                   "presets.yaml",
		good + "presets: { Web: { a: w=1 } }":                                 "Web",
		good + "service: { port: 70000 }":                                     "port",
	} {
		_, _, err := Render(values)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\nis answered %v, want something of %q", values, err, want)
		}
	}
}

// objects are the parts of a stream that the rules below look at.
type objects struct {
	deployments []appsv1.Deployment
	jobs        []batchv1.Job
	services    []corev1.Service
	budgets     []policyv1.PodDisruptionBudget
	scalers     []autoscalingv2.HorizontalPodAutoscaler
	kinds       map[string][]string
}

func read(t *testing.T, manifests string) (o objects) {
	t.Helper()
	o.kinds = map[string][]string{}
	for _, text := range regexp.MustCompile(`(?m)^---$`).Split(manifests, -1) {
		var head struct {
			Kind     string
			Metadata struct{ Name string }
		}
		if err := yaml.Unmarshal([]byte(text), &head); err != nil {
			t.Fatal(err)
		}
		o.kinds[head.Kind] = append(o.kinds[head.Kind], head.Metadata.Name)
		switch head.Kind {
		case "Deployment":
			o.deployments = append(o.deployments, decoded[appsv1.Deployment](t, text))
		case "Job":
			o.jobs = append(o.jobs, decoded[batchv1.Job](t, text))
		case "Service":
			o.services = append(o.services, decoded[corev1.Service](t, text))
		case "PodDisruptionBudget":
			o.budgets = append(o.budgets, decoded[policyv1.PodDisruptionBudget](t, text))
		case "HorizontalPodAutoscaler":
			o.scalers = append(o.scalers, decoded[autoscalingv2.HorizontalPodAutoscaler](t, text))
		}
	}
	return o
}

func decoded[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), &v); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return v
}

// pods are all that the chart runs, by name.
func (o objects) pods() map[string]corev1.PodTemplateSpec {
	pods := map[string]corev1.PodTemplateSpec{}
	for _, d := range o.deployments {
		pods[d.Name] = d.Spec.Template
	}
	for _, j := range o.jobs {
		pods[j.Name] = j.Spec.Template
	}
	return pods
}

func containers(p corev1.PodSpec) []corev1.Container {
	return slices.Concat(p.InitContainers, p.Containers)
}

func TestNoPodHasMoreRightsThanItNeeds(t *testing.T) {
	for example, manifests := range render(t) {
		for name, pod := range read(t, manifests).pods() {
			p := pod.Spec
			if s := p.SecurityContext; s == nil || !*s.RunAsNonRoot || *s.RunAsUser == 0 || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s: %s runs as %+v", example, name, s)
			}
			if p.AutomountServiceAccountToken == nil || *p.AutomountServiceAccountToken || p.EnableServiceLinks == nil || *p.EnableServiceLinks || p.HostNetwork || p.HostPID {
				t.Errorf("%s: %s has a token of the cluster, its services or its host", example, name)
			}
			for _, c := range containers(p) {
				s := c.SecurityContext
				if s == nil || !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || s.Capabilities.Add != nil {
					t.Errorf("%s: %s %s may do %+v", example, name, c.Name, s)
				}
				if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
					t.Errorf("%s: %s %s may take all the memory, or asks for no processor: %+v", example, name, c.Name, c.Resources)
				}
			}
		}
	}
}

func TestEverySecretIsAFileOfTheRolesThatNeedIt(t *testing.T) {
	want := map[string][]string{
		"migrate": {"IMGD_DATABASE_URL"},
		"worker":  {"AWS_SHARED_CREDENTIALS", "IMGD_DATABASE_URL", "IMGD_REDIS_URL"},
		"api":     {"AWS_SHARED_CREDENTIALS", "IMGD_AUTH_HS256_SECRET", "IMGD_DATABASE_URL", "IMGD_LINK_KEYS", "IMGD_REDIS_URL"},
		"serve":   {"IMGD_AUTH_HS256_SECRET", "IMGD_LINK_KEYS"},
	}
	for example, manifests := range render(t) {
		for name, pod := range read(t, manifests).pods() {
			for _, c := range containers(pod.Spec) {
				role := c.Args[0]
				var got []string
				for _, e := range c.Env {
					if variable, ok := strings.CutSuffix(e.Name, "_FILE"); ok {
						got = append(got, variable)
						if key, ok := strings.CutPrefix(e.Value, "/run/secrets/imgd/"); !ok || !slices.Contains(mounted(pod.Spec, c), key) {
							t.Errorf("%s: %s %s reads %s from %s, which holds %v", example, name, c.Name, variable, e.Value, mounted(pod.Spec, c))
						}
					}
				}
				expected := slices.Clone(want[role])
				if example == "production" {
					expected = slices.DeleteFunc(expected, func(v string) bool { return v == "AWS_SHARED_CREDENTIALS" || v == "IMGD_AUTH_HS256_SECRET" })
				}
				slices.Sort(got)
				if !slices.Equal(got, expected) || len(mounted(pod.Spec, c)) != len(expected) {
					t.Errorf("%s: %s %s is given %v in the files %v, want %v", example, name, c.Name, got, mounted(pod.Spec, c), expected)
				}
			}
		}
	}
}

// mounted are the keys of the secret that a container can read.
func mounted(p corev1.PodSpec, c corev1.Container) (keys []string) {
	for _, m := range c.VolumeMounts {
		i := slices.IndexFunc(p.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if i >= 0 && p.Volumes[i].Secret != nil {
			for _, item := range p.Volumes[i].Secret.Items {
				keys = append(keys, item.Path)
			}
		}
	}
	return keys
}

func TestWhatIsNamedIsThere(t *testing.T) {
	for example, manifests := range render(t) {
		o := read(t, manifests)
		var roles []labels.Set
		for _, d := range o.deployments {
			roles = append(roles, d.Spec.Template.Labels)
			if !labels.SelectorFromSet(d.Spec.Selector.MatchLabels).Matches(labels.Set(d.Spec.Template.Labels)) {
				t.Errorf("%s: %s does not know its own pods", example, d.Name)
			}
		}
		for name, pod := range o.pods() {
			for _, c := range containers(pod.Spec) {
				for _, m := range c.VolumeMounts {
					if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
						t.Errorf("%s: %s mounts %s, which is no volume", example, name, m.Name)
					}
				}
			}
			if account := pod.Spec.ServiceAccountName; account != "default" && !slices.Contains(o.kinds["ServiceAccount"], account) {
				t.Errorf("%s: %s runs as %s, which is no account", example, name, account)
			}
		}
		matches := func(name string, selector map[string]string, want int) {
			n := 0
			for _, r := range roles {
				if labels.SelectorFromSet(selector).Matches(r) {
					n++
				}
			}
			if n != want {
				t.Errorf("%s: %s selects %d deployments, want %d", example, name, n, want)
			}
		}
		for _, s := range o.services {
			if strings.HasSuffix(s.Name, "-metrics") {
				matches(s.Name, s.Spec.Selector, len(roles))
			} else {
				matches(s.Name, s.Spec.Selector, 1)
			}
		}
		for _, b := range o.budgets {
			matches(b.Name, b.Spec.Selector.MatchLabels, 1)
		}
		for _, h := range o.scalers {
			if !slices.Contains(o.kinds["Deployment"], h.Spec.ScaleTargetRef.Name) {
				t.Errorf("%s: %s scales %s, which is not there", example, h.Name, h.Spec.ScaleTargetRef.Name)
			}
		}
	}
}

// A stop has to end by itself: what kills it is too late.
func TestAPodIsGivenTheTimeThatItsStopTakes(t *testing.T) {
	want := map[string]map[string]int64{"minimal": {"api": 40, "worker": 35}, "production": {"api": 80, "worker": 70}, "serve": {"serve": 40}}
	rendered := render(t)
	for example, roles := range want {
		for _, d := range read(t, rendered[example]).deployments {
			role := d.Labels["app.kubernetes.io/component"]
			if got := *d.Spec.Template.Spec.TerminationGracePeriodSeconds; got != roles[role] {
				t.Errorf("%s: %s has %d s, want %d", example, d.Name, got, roles[role])
			}
		}
	}
}

func TestNumbersOfSettingsAreWrittenInFull(t *testing.T) {
	for _, d := range read(t, render(t)["production"]).deployments {
		env := map[string]string{}
		for _, e := range d.Spec.Template.Spec.Containers[0].Env {
			env[e.Name] = e.Value
		}
		if env["IMGD_MAX_PIXELS"] != "268000000" || env["IMGD_KEEP_GPS"] != "false" || env["IMGD_ISOLATION"] != "require" || env["IMGD_GRACE"] != "60s" {
			t.Errorf("%s has the variables %v", d.Name, env)
		}
	}
}

func TestEveryValueIsInTheReadme(t *testing.T) {
	text, err := os.ReadFile(Folder + "/values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(Folder + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	for key, v := range values {
		below, _ := v.(map[string]any)
		if !bytes.Contains(readme, []byte("`"+key)) {
			t.Errorf("README.md has no line of %s", key)
		}
		for k := range below {
			if strings.HasSuffix(key, "Probe") || strings.HasSuffix(key, "ecurityContext") || key == "settings" {
				continue
			}
			if !bytes.Contains(readme, []byte("`"+key+"."+k)) && !bytes.Contains(readme, []byte("`*."+k)) {
				t.Errorf("README.md has no line of %s.%s", key, k)
			}
		}
	}
}
