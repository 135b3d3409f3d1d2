package token

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"go.yaml.in/yaml/v3"
)

// maxFile is room for more issuers than anybody has.
const maxFile = 1 << 20

// Entry is what a file says of an issuer. What it leaves out the settings say for all.
type Entry struct {
	Issuer       string   `yaml:"issuer"`
	Audience     string   `yaml:"audience"`
	Algorithms   []string `yaml:"algorithms"`
	Type         string   `yaml:"typ"`
	Tenant       string   `yaml:"tenant"`
	TenantClaim  string   `yaml:"tenant_claim"`
	TenantPrefix string   `yaml:"tenant_prefix"`
}

// ReadFile reads a YAML file with a list of issuers. A file without one is a mistake:
// nobody could come in, or everybody.
func ReadFile(name string) ([]Entry, error) {
	f, err := os.Open(name) // #nosec G304 -- the operator names it
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes", name, maxFile)
	}
	list, err := parseFile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return list, nil
}

func parseFile(text []byte) ([]Entry, error) {
	var file struct {
		Issuers []Entry `yaml:"issuers"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is a second document; keep one")
	}
	if len(file.Issuers) == 0 {
		return nil, errors.New("it names no issuer; it has to begin with issuers: and a list")
	}
	seen := map[string]bool{}
	for i, e := range file.Issuers {
		switch {
		case e.Issuer == "":
			return nil, fmt.Errorf("entry %d of issuers names no issuer", i+1)
		case seen[e.Issuer]:
			return nil, fmt.Errorf("the issuer %q is there twice", e.Issuer)
		}
		seen[e.Issuer] = true
	}
	return file.Issuers, nil
}
