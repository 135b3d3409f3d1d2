// Package presets reads the file in which an operator names lists of variants.
package presets

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"imgd/core/transform"
)

// maxBytes is room for as many presets as there can be, commented at length.
const maxBytes = 4 << 20

// Mistakes is everything that is wrong with a file.
type Mistakes struct {
	File string
	List []transform.Mistake // in the order of the file
}

// Error has a line for each mistake.
func (m *Mistakes) Error() string {
	lines := make([]string, len(m.List))
	for i, one := range m.List {
		lines[i] = m.File + ":" + one.Error()
		if one.Line == 0 {
			lines[i] = m.File + ": " + one.Error()
		}
	}
	return strings.Join(lines, "\n")
}

// Load reads the presets of a file, and the built-in ones that it does not define
// anew. check refuses transforms that are not done here. What is wrong with the
// file's content comes back as Mistakes, all of it together.
func Load(file string, check func(transform.Spec) error) (transform.Presets, error) {
	f, err := os.Open(file) // #nosec G304 -- the operator names it
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%s has more than %d bytes", file, maxBytes)
	}
	var r reader
	drafts := r.document(text)
	presets, more := transform.NewPresets(drafts, check)
	if r.mistakes = append(r.mistakes, more...); len(r.mistakes) == 0 {
		return presets, nil
	}
	slices.SortStableFunc(r.mistakes, func(a, b transform.Mistake) int {
		return cmp.Or(a.Line-b.Line, a.Column-b.Column)
	})
	return nil, &Mistakes{file, r.mistakes}
}

// reader collects what is no list of presets.
type reader struct{ mistakes []transform.Mistake }

func (r *reader) wrong(n *yaml.Node, preset, variant, format string, args ...any) {
	r.mistakes = append(r.mistakes, transform.Mistake{Place: place(n), Preset: preset, Variant: variant, Err: fmt.Errorf(format, args...)})
}

func place(n *yaml.Node) transform.Place { return transform.Place{Line: n.Line, Column: n.Column} }

// document reads the one document of a file. An empty one has no presets.
func (r *reader) document(text []byte) (drafts []transform.Draft) {
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	var doc, another yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) {
			r.mistakes = append(r.mistakes, transform.Mistake{Err: err})
		}
		return nil
	}
	if err := dec.Decode(&another); err == nil {
		r.wrong(&another, "", "", "a second document begins here; keep one")
	} else if !errors.Is(err, io.EOF) {
		r.mistakes = append(r.mistakes, transform.Mistake{Err: err})
	}
	root := doc.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		r.wrong(root, "", "", "the file is no list of presets: write NAME: and under it, further in, VARIANT: \"TRANSFORM\"")
		return nil
	}
	for name, value := range r.pairs(root, "") {
		if empty := value.Kind == yaml.ScalarNode && value.Tag == "!!null"; value.Kind != yaml.MappingNode && !empty {
			r.wrong(value, name.Value, "", "it is no list of variants: write VARIANT: \"TRANSFORM\" under it, such as thumb: \"w=150,h=150,fit=cover\"")
			continue
		}
		drafts = append(drafts, r.preset(name, value))
	}
	return drafts
}

// preset reads the variants of one preset.
func (r *reader) preset(name, value *yaml.Node) transform.Draft {
	d := transform.Draft{Place: place(name), Name: name.Value}
	for n, text := range r.pairs(value, name.Value) {
		written := text.Value
		if text.Kind != yaml.ScalarNode || text.Tag != "!!str" {
			r.wrong(text, name.Value, n.Value, "the transform is not text; write it in quotes, such as \"w=150,h=150,fit=cover\"")
			written = "" // which is a transform: nothing more is wrong with it
		}
		d.Variants = append(d.Variants, transform.DraftVariant{Place: place(n), Name: n.Value, Transform: written, Text: place(text)})
	}
	return d
}

// pairs yields the names of a mapping, each with what it stands for.
func (r *reader) pairs(n *yaml.Node, preset string) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(name, value *yaml.Node) bool) {
		for pair := range slices.Chunk(n.Content, 2) {
			if pair[0].Kind != yaml.ScalarNode {
				r.wrong(pair[0], preset, "", "a name is one word, not a list or a reference")
				continue
			}
			if !yield(pair[0], pair[1]) {
				return
			}
		}
	}
}
