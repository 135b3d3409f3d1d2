package main

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"imgd/adapters/resilience"
	"imgd/adapters/telemetry"
)

// metrics are all that a process may show, with their labels.
func metrics(t *testing.T) map[string][]string {
	t.Helper()
	p := &parts{metrics: telemetry.NewMetrics()}
	p.measure()
	p.metrics.Breaker("store", func() string { return "closed" })
	p.metrics.Bulkhead("store", resilience.NewBulkhead(resilience.BulkheadConfig{Name: "store"}))
	descriptions := make(chan *prometheus.Desc)
	go func() { p.metrics.Describe(descriptions); close(descriptions) }()
	shape := regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: .*, constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)
	known := map[string][]string{}
	for d := range descriptions {
		m := shape.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%s is no description of a metric", d)
		}
		labels := regexp.MustCompile(`[a-z_]+`).FindAllString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(m[2], ""), -1)
		known[m[1]] = append(append(known[m[1]], labels...), regexp.MustCompile(`[a-z_]+`).FindAllString(m[3], -1)...)
	}
	if _, ok := known["imgd_jobs_due"]; !ok || len(known) < 40 {
		t.Fatalf("a process shows %v", slices.Sorted(maps.Keys(known)))
	}
	return known
}

// rule is an alert of deploy/prometheus/alerts.yaml.
type rule struct {
	Alert, Expr string
	Annotations map[string]string
}

func readRules(t *testing.T) []rule {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal([]byte(ofDeploy(t, "prometheus/alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) < 10 {
		t.Fatalf("the alerts are %+v", file)
	}
	return file.Groups[0].Rules
}

func ofDeploy(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// expressions are all that deploy/ asks Prometheus, by where they stand.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(ofDeploy(t, "grafana/imgd.json")), &board); err != nil {
		t.Fatal(err)
	}
	asked := map[string]string{}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			asked["the panel "+p.Title] += target.Expr + "\n"
		}
	}
	if len(asked) < 30 {
		t.Fatalf("the dashboard asks %v", asked)
	}
	for _, r := range readRules(t) {
		asked["the alert "+r.Alert] = r.Expr
	}
	for _, query := range regexp.MustCompile(`printf "(max\(imgd_[^"]*)"`).FindAllStringSubmatch(ofDeploy(t, "helm/imgd/templates/keda.yaml"), -1) {
		asked["KEDA: "+query[1]] = strings.ReplaceAll(query[1], "%s", `{namespace="a"}`)
	}
	return asked
}

var (
	selector = regexp.MustCompile(`\b((?:imgd|go|process)_[a-z0-9_]+)(\{(?:[^"}]|"[^"]*")*\})?`)
	quoted   = regexp.MustCompile(`"[^"]*"`)
	label    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	route    = regexp.MustCompile(`route="([^"]*)"`)
)

// missing are the metrics and labels of an expression that no process shows.
func missing(known map[string][]string, expression string) (wrong []string) {
	for _, m := range selector.FindAllStringSubmatch(expression, -1) {
		name := m[1]
		labels, ok := known[name]
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if base, cut := strings.CutSuffix(name, suffix); cut && !ok {
				labels, ok = known[base]
				labels = append(slices.Clone(labels), "le")
			}
		}
		if !ok {
			wrong = append(wrong, name)
		}
		labels = append(slices.Clone(labels), "job", "instance", "namespace")
		for _, l := range label.FindAllStringSubmatch(quoted.ReplaceAllString(m[2], ""), -1) {
			if ok && !slices.Contains(labels, l[1]) {
				wrong = append(wrong, name+" by "+l[1])
			}
		}
	}
	return wrong
}

func TestWhatDeployAsksPrometheusIsThere(t *testing.T) {
	known := metrics(t)
	contract, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for where, expression := range expressions(t) {
		if !strings.Contains(expression, "imgd_") {
			t.Errorf("%s asks for nothing of imgd: %s", where, expression)
		}
		if wrong := missing(known, expression); wrong != nil {
			t.Errorf("%s asks for %v, which no process shows", where, wrong)
		}
		for _, r := range route.FindAllStringSubmatch(expression, -1) {
			method, path, _ := strings.Cut(r[1], " ")
			_, below, ok := strings.Cut(string(contract), "\n  "+path+":\n")
			if own, _, _ := strings.Cut(below, "\n  /"); !ok || !strings.Contains(own, "\n    "+strings.ToLower(method)+":\n") && !strings.HasPrefix(own, "    "+strings.ToLower(method)+":\n") {
				t.Errorf("%s asks for the route %s, which openapi.yaml does not have", where, r[1])
			}
		}
	}
	for _, wrong := range []string{`rate(imgd_nothing_total[5m])`, `sum(imgd_jobs_due_counted)`, `imgd_processes{rule="worker"}`} {
		if missing(known, wrong) == nil {
			t.Errorf("nothing is missed of %s", wrong)
		}
	}
}

func TestTheDashboardShowsEveryMetric(t *testing.T) {
	var shown strings.Builder
	for where, expression := range expressions(t) {
		if strings.HasPrefix(where, "the panel ") {
			shown.WriteString(expression)
		}
	}
	for name := range metrics(t) {
		if strings.HasPrefix(name, "imgd_") && !regexp.MustCompile(`\b`+name+`(_bucket|_count|_sum)?\b`).MatchString(shown.String()) {
			t.Errorf("no panel of deploy/grafana/imgd.json shows %s", name)
		}
	}
}

func TestEveryAlertHasAWayOutAndATest(t *testing.T) {
	manual, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := ofDeploy(t, "prometheus/alerts_test.yaml")
	for _, r := range readRules(t) {
		if r.Annotations["summary"] == "" || r.Annotations["runbook"] != "docs/operations.md#"+strings.ToLower(r.Alert) {
			t.Errorf("%s has the annotations %v", r.Alert, r.Annotations)
		}
		if !strings.Contains(string(manual), "\n### "+r.Alert+"\n") {
			t.Errorf("docs/operations.md has no paragraph %s", r.Alert)
		}
		for _, want := range []string{"name: " + r.Alert + " fires", "name: " + r.Alert + " is quiet"} {
			if !strings.Contains(tests, want) {
				t.Errorf("alerts_test.yaml lacks %q", want)
			}
		}
	}
}

// unit are the lines of deploy/systemd/imgd.service, by key.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	lines := map[string][]string{}
	for _, line := range strings.Split(ofDeploy(t, "systemd/imgd.service"), "\n") {
		if key, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			lines[key] = append(lines[key], value)
		}
	}
	return lines
}

func TestTheUnitFitsTheService(t *testing.T) {
	u := unit(t)
	for key, want := range map[string]string{
		"ExecStart": "/usr/local/bin/imgd serve", "ExecReload": "/bin/kill -HUP $MAINPID",
		"KillMode": "mixed", "OOMPolicy": "continue", "DynamicUser": "yes", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "CapabilityBoundingSet": "",
		"ConfigurationDirectory": "imgd", "ConfigurationDirectoryMode": "0755", // a user that nobody knew before reads presets there
	} {
		if got := u[key]; !slices.Equal(got, []string{want}) {
			t.Errorf("the unit says %s=%v, want %q", key, got, want)
		}
	}
	// A filter is inherited: what decoders lock themselves up with has to pass it.
	for _, call := range []string{"seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"} {
		if !slices.Contains(strings.Fields(u["SystemCallFilter"][0]), call) {
			t.Errorf("the filter of the unit does not let %s through", call)
		}
	}
	stop, s := Span(0), defaults(t)
	if err := stop.UnmarshalText([]byte(u["TimeoutStopSec"][0] + "s")); err != nil || stop <= s.Grace+s.DrainDelay {
		t.Errorf("a stop may take %v, and the service takes %v and %v for it (%v)", stop, s.DrainDelay, s.Grace, err)
	}
	given := map[string]bool{}
	for _, c := range u["LoadCredential"] {
		name, _, _ := strings.Cut(c, ":")
		given[name] = true
	}
	known := variables()
	for _, line := range u["Environment"] {
		for _, field := range strings.Fields(line) {
			variable, value, _ := strings.Cut(field, "=")
			if !known[variable] {
				t.Errorf("the unit sets %s, which is no setting", variable)
			}
			if name, ok := strings.CutPrefix(value, "%d/"); ok && !given[name] {
				t.Errorf("the unit reads the credential %s and does not load it", name)
			}
		}
	}
}

// variables are the names of all settings, and of the files of those that are secret.
func variables() map[string]bool {
	known := map[string]bool{}
	for _, s := range settings() {
		known[s.Variable] = true
		known[s.Variable+"_FILE"] = s.Secret
	}
	return known
}

func TestTheChartSpeaksOfSettingsThereAre(t *testing.T) {
	known := variables()
	for _, name := range []string{"values.yaml", "values.schema.json", "templates/_helpers.tpl", "templates/checks.yaml", "README.md", "ci/production.yaml"} {
		found := regexp.MustCompile(`\bIMGD_[A-Z0-9_]*[A-Z0-9]\b`).FindAllString(ofDeploy(t, "helm/imgd/"+name), -1)
		for _, variable := range found {
			if !known[variable] {
				t.Errorf("%s speaks of %s, which is no setting", name, variable)
			}
		}
		if found == nil {
			t.Errorf("%s speaks of no setting", name)
		}
	}
}
