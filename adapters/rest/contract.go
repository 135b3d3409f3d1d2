package rest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"imgd"
	"imgd/adapters/rest/internal/api"
	"imgd/core"
)

// operation is one method of one path, as the contract has it.
type operation struct {
	route  *routers.Route
	open   bool // needs no token
	inside bool // is on a listener for those who may watch the service
	shared bool // a signed link will do too, and none where things are public
	bytes  bool // answers with bytes, under an address that strangers decorate
	// The names of the parameters it has.
	inQuery, inPath []string
}

func (o *operation) path() string { return o.route.Path }

// loadContract reads openapi.yaml anew, so that a copy may be bent.
func loadContract() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(imgd.OpenAPI)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	return doc, nil
}

// contractJSON is openapi.yaml as JSON.
var contractJSON = sync.OnceValues(func() ([]byte, error) {
	doc, err := loadContract()
	if err != nil {
		return nil, err
	}
	return doc.MarshalJSON()
})

// readContract finds each operation by its pattern in the mux. All handlers of a process
// share what it has read, and change nothing of it.
var readContract = sync.OnceValues(func() (map[string]*operation, error) {
	doc, err := loadContract()
	if err != nil {
		return nil, err
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	// A 3.1 document is checked with a general JSON Schema compiler, for each value
	// anew; as a 3.0.3 document, which for ours means the same, thirty times faster.
	doc.OpenAPI = "3.0.3"
	operations := map[string]*operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			o := &operation{
				route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op},
				open:  op.Security != nil && len(*op.Security) == 0,
				bytes: slices.Contains(op.Tags, "delivery"),
			}
			if op.Security != nil {
				o.shared = slices.ContainsFunc(*op.Security, func(r openapi3.SecurityRequirement) bool { _, ok := r["link"]; return ok })
			}
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				switch p.Value.In {
				case openapi3.ParameterInQuery:
					o.inQuery = append(o.inQuery, p.Value.Name)
				case openapi3.ParameterInPath:
					o.inPath = append(o.inPath, p.Value.Name)
				}
			}
			slices.Sort(o.inQuery)
			// The validator would read the whole body into memory before it looks at a token.
			op.Security = openapi3.NewSecurityRequirements()
			operations[method+" "+path] = o
		}
	}
	return operations, nil
})

// uuids is the format uuid: the validator knows none, and RFC 4122 ends before
// version 7.
var uuids = openapi3.WithStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator(openapi3.FormatOfStringForUUIDOfRFC9562))

// violations tells a validator's findings as one of our errors: of the path a
// NotFound, else with each place that is wrong.
func violations(err error) error {
	var list []api.FieldError
	body := false
	for e := range requestErrors(err) {
		switch {
		case e.Parameter != nil && e.Parameter.In == openapi3.ParameterInPath:
			return core.NotFound.Errorf("nothing is under this address").Because(err)
		case e.Parameter != nil:
			list = append(list, api.FieldError{Parameter: &e.Parameter.Name, Detail: wrong(e)})
		default:
			body = true
			list = append(list, bodyErrors(e)...)
		}
	}
	if len(list) == 0 {
		return core.Invalid.Errorf("the request is not what openapi.yaml describes").Because(err)
	}
	slug := core.InvalidParameter
	if body {
		slug = core.InvalidBody
	}
	return slug.Errorf("%s", sentence(list)).With("errors", list).Because(err)
}

// sentence names the first place that is wrong, and how many there are.
func sentence(list []api.FieldError) string {
	first := list[0]
	text := first.Detail
	if first.Parameter != nil {
		text = *first.Parameter + ": " + text
	} else if first.Pointer != nil && *first.Pointer != "#" {
		text = strings.TrimPrefix(*first.Pointer, "#/") + ": " + text
	}
	if more := len(list) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// requestErrors yields the leaves of a validator's error.
func requestErrors(err error) func(func(*openapi3filter.RequestError) bool) {
	return func(yield func(*openapi3filter.RequestError) bool) {
		switch e := err.(type) { //nolint:errorlint // the validator nests, it does not wrap
		case openapi3.MultiError:
			for _, one := range e {
				for leaf := range requestErrors(one) {
					if !yield(leaf) {
						return
					}
				}
			}
		case *openapi3filter.RequestError:
			yield(e)
		}
	}
}

// wrong is what is wrong with a parameter.
func wrong(e *openapi3filter.RequestError) string {
	if se, ok := errors.AsType[*openapi3.SchemaError](e.Err); ok {
		return reason(se)
	}
	if _, ok := errors.AsType[*openapi3filter.ParseError](e.Err); ok && e.Parameter.Schema != nil {
		return "must be " + kindOf(e.Parameter.Schema.Value)
	}
	if errors.Is(e.Err, openapi3filter.ErrInvalidEmptyValue) {
		return "is empty; leave it out or give it a value"
	}
	return "is not valid"
}

func kindOf(s *openapi3.Schema) string {
	switch {
	case s.Type.Is(openapi3.TypeInteger):
		return "a whole number"
	case s.Type.Is(openapi3.TypeBoolean):
		return "true or false"
	}
	return "of type " + strings.Join(s.Type.Slice(), " or ")
}

// bodyErrors points at each place of a JSON body that is wrong.
func bodyErrors(e *openapi3filter.RequestError) (list []api.FieldError) {
	if errors.Is(e.Err, openapi3filter.ErrInvalidRequired) {
		return []api.FieldError{{Pointer: new("#"), Detail: "the body is missing"}}
	}
	var collect func(error)
	collect = func(err error) {
		switch se := err.(type) { //nolint:errorlint // the validator nests, it does not wrap
		case openapi3.MultiError:
			for _, one := range se {
				collect(one)
			}
		case *openapi3.SchemaError:
			list = append(list, api.FieldError{Pointer: new(pointer(se.JSONPointer())), Detail: reason(se)})
		}
	}
	collect(e.Err)
	if list == nil {
		list = []api.FieldError{{Pointer: new("#"), Detail: "is not what openapi.yaml describes"}}
	}
	return list
}

// reason says what a schema asks for, in fewer words than a regular expression.
func reason(se *openapi3.SchemaError) string {
	switch {
	case se.SchemaField == "format" && se.Schema.Format == "uuid":
		return "is not an id: a UUID as RFC 9562 writes it"
	case se.SchemaField == "format" && se.Schema.Format == "date-time":
		return "is not a time as RFC 3339 writes it, such as 2026-08-01T12:00:00Z"
	case se.SchemaField == "pattern":
		return "must match " + se.Schema.Pattern
	case se.SchemaField == "enum":
		return "must be one of " + words(se.Schema.Enum)
	case se.SchemaField == "oneOf":
		return "is not of the form that is asked for, nor null"
	}
	return se.Reason
}

func words(values []any) string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = fmt.Sprint(v)
	}
	return strings.Join(list, ", ")
}

// pointer writes a path as the URI fragment form of a JSON pointer.
func pointer(path []string) string {
	p := "#"
	for _, name := range path {
		p += "/" + escapePointer(name)
	}
	return p
}

// known is a sorted list of the names of m.
func known[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
