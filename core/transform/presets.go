package transform

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"imgd/core"
)

// DefaultName is the preset of a caller that asks for nothing.
const DefaultName = "default"

// MaxPresets is how many presets one service may have.
const MaxPresets = 100

// Presets are lists of variants that callers ask for by name.
type Presets map[string][]Variant

// BuiltIn returns the presets of a service that defines none of its own.
func BuiltIn() Presets { return Presets{DefaultName: DefaultPreset()} }

// Names lists the presets in alphabetical order.
func (p Presets) Names() []string { return slices.Sorted(maps.Keys(p)) }

// Find returns the preset of a name, or an UnknownPreset with the fact allowed
// and, where a name is near, suggestion.
func (p Presets) Find(name string) ([]Variant, error) {
	if list, ok := p[name]; ok {
		return list, nil
	}
	known := p.Names()
	err := core.UnknownPreset.Errorf("there is no preset %q; there are %s", clip(name), strings.Join(known, ", ")).With("allowed", known)
	if near, ok := nearest(name, known); ok {
		err = err.With("suggestion", near)
		err.Detail = fmt.Sprintf("there is no preset %q; did you mean %s? There are %s", clip(name), near, strings.Join(known, ", "))
	}
	return nil, err
}

// Place is where something stands in a file, from 1; zero where nobody knows.
type Place struct{ Line, Column int }

// Draft is a preset as a file has it, not yet checked.
type Draft struct {
	Place
	Name     string
	Variants []DraftVariant
}

// DraftVariant is one variant of a Draft. The place of its transform is Text.
type DraftVariant struct {
	Place
	Name      string
	Transform string
	Text      Place
}

// Mistake is something that is wrong with presets, and where.
type Mistake struct {
	Place
	Preset, Variant string // empty where it is about more than that
	Err             error
}

// Error is the mistake as an operator reads it, without the name of the file.
func (m Mistake) Error() string {
	var b strings.Builder
	if m.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", m.Line, m.Column)
	}
	if m.Preset != "" {
		fmt.Fprintf(&b, "preset %s: ", m.Preset)
	}
	if m.Variant != "" {
		fmt.Fprintf(&b, "variant %s: ", m.Variant)
	}
	if e, ok := errors.AsType[*core.Error](m.Err); ok {
		return b.String() + e.Detail
	}
	return b.String() + m.Err.Error()
}

// NewPresets makes presets of drafts, beside the built-in ones that they do not
// define anew. It returns every mistake there is: of names, of numbers, and of
// transforms that cannot be read or that check refuses.
func NewPresets(drafts []Draft, check func(Spec) error) (Presets, []Mistake) {
	presets := BuiltIn()
	var mistakes []Mistake
	wrong := func(at Place, preset, variant string, err error) {
		mistakes = append(mistakes, Mistake{at, preset, variant, err})
	}
	seen := map[string]bool{}
	for i, d := range drafts {
		name := clip(d.Name)
		switch {
		case !variantName.MatchString(d.Name):
			wrong(d.Place, "", "", fmt.Errorf("%q cannot name a preset: use 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit", name))
		case seen[d.Name]:
			wrong(d.Place, name, "", errors.New("it stands twice"))
		case i == MaxPresets:
			wrong(d.Place, name, "", fmt.Errorf("there are %d presets; there can be %d", len(drafts), MaxPresets))
		}
		seen[d.Name] = true
		list, more := d.read(check)
		presets[d.Name], mistakes = sorted(list), append(mistakes, more...)
	}
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return presets, nil
}

// read returns the variants of a draft, and everything that is wrong with them.
func (d Draft) read(check func(Spec) error) (list []Variant, mistakes []Mistake) {
	name := clip(d.Name)
	if len(d.Variants) == 0 {
		mistakes = append(mistakes, Mistake{d.Place, name, "", errors.New("it has no variants; name at least one")})
	}
	seen := map[string]bool{}
	for i, v := range d.Variants {
		variant := clip(v.Name)
		switch {
		case !variantName.MatchString(v.Name):
			mistakes = append(mistakes, Mistake{v.Place, name, "", fmt.Errorf(
				"%q cannot name a variant: use 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit", variant)})
		case seen[v.Name]:
			mistakes = append(mistakes, Mistake{v.Place, name, variant, errors.New("it stands twice")})
		case i == MaxVariants:
			mistakes = append(mistakes, Mistake{v.Place, name, "", fmt.Errorf("it has %d variants; it can have %d", len(d.Variants), MaxVariants)})
		}
		seen[v.Name] = true
		spec, err := Parse(v.Transform)
		if err == nil {
			err = check(spec)
		}
		if err != nil {
			mistakes = append(mistakes, Mistake{v.Text, name, variant, err})
		}
		list = append(list, Variant{v.Name, spec})
	}
	return list, mistakes
}
