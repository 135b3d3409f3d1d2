package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"reflect"
	"strings"
	"text/tabwriter"
)

type configCmd struct{}

// Run prints the settings as variables, ready for a .env file, secrets redacted.
func (c configCmd) Run(s *Settings) error { return c.show(s, os.Stdout) }

func (configCmd) show(s *Settings, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	group := ""
	values := reflect.ValueOf(*s)
	for _, set := range settings() {
		if set.Group != group {
			group = set.Group
			fmt.Fprintf(w, "\n# %s\n", group)
		}
		value := text(values.Field(set.index))
		note := ""
		if value != set.Default {
			note = " Default: " + set.Default
			if set.Default == "" {
				note = " Default: empty"
			}
		}
		switch {
		case set.Whole && value != "":
			value = "(redacted)"
		case set.Secret:
			value = redact(value)
		}
		fmt.Fprintf(w, "%s=%s\t# %s%s\n", set.Variable, value, set.Help, note)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	mistakes := s.Check()
	if _, err := s.presets(); err != nil {
		mistakes = append(mistakes, err)
	}
	return mistaken(mistakes)
}

// text is a field's value as its variable would hold it.
func text(v reflect.Value) string {
	if list, ok := v.Interface().([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(v.Interface())
}

// redact hides the password of a URL and what its query carries.
func redact(value string) string {
	u, err := url.Parse(value)
	if err != nil {
		return "(redacted)"
	}
	for key := range u.Query() {
		if strings.Contains(key, "secret") || strings.Contains(key, "key") || strings.Contains(key, "password") {
			q := u.Query()
			q.Set(key, "redacted")
			u.RawQuery = q.Encode()
		}
	}
	return u.Redacted()
}

// mistaken is nil, or all mistakes as one error.
func mistaken(mistakes []error) error {
	if len(mistakes) == 0 {
		return nil
	}
	lines := make([]string, len(mistakes))
	for i, m := range mistakes {
		lines[i] = m.Error()
	}
	return fmt.Errorf("these settings are wrong:\n  %s", strings.Join(lines, "\n  "))
}
