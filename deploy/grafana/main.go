// Command grafana prints the expressions of imgd.json as recording rules, so that
// promtool can read them.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// stands is what Grafana would put in the place of its variables.
var stands = strings.NewReplacer("$__rate_interval", "5m", "$job", ".*")

func main() {
	if err := run("deploy/grafana/imgd.json"); err != nil {
		fmt.Fprintln(os.Stderr, "grafana:", err)
		os.Exit(1)
	}
}

func run(name string) error {
	text, err := os.ReadFile(name) // #nosec G304 -- it is ours
	if err != nil {
		return err
	}
	var board struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(text, &board); err != nil {
		return err
	}
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	for _, p := range board.Panels {
		for _, t := range p.Targets {
			rules = append(rules, rule{fmt.Sprintf("panel:expression:%d", len(rules)+1), stands.Replace(t.Expr)})
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"groups": []any{map[string]any{"name": "imgd.json", "rules": rules}}})
}
