package rest

import (
	"bytes"
	"context"
	_ "embed"
	"html/template"
	"net/http"

	"imgd"
	"imgd/adapters/rest/internal/api"
	"imgd/core"
)

// GetOpenAPIJSON answers the contract as JSON.
func (s *Server) GetOpenAPIJSON(context.Context, api.GetOpenAPIJSONRequestObject) (api.GetOpenAPIJSONResponseObject, error) {
	text, err := contractJSON()
	return page{"application/json", text, ""}, err
}

// GetOpenAPIYAML answers the contract as it was written.
func (s *Server) GetOpenAPIYAML(context.Context, api.GetOpenAPIYAMLRequestObject) (api.GetOpenAPIYAMLResponseObject, error) {
	return page{"application/yaml", imgd.OpenAPI, ""}, nil
}

//go:embed problem.html
var problemHTML string

var problemPage = template.Must(template.New("problem").Parse(problemHTML))

// GetProblemPage answers what stands in the registry about a problem.
func (s *Server) GetProblemPage(_ context.Context, req api.GetProblemPageRequestObject) (api.GetProblemPageResponseObject, error) {
	slug := core.Slug(req.Slug)
	if !slug.Known() {
		return nil, core.NotFound.Errorf("there is no problem of this name")
	}
	var text bytes.Buffer
	err := problemPage.Execute(&text, struct {
		core.Meaning
		Slug  core.Slug
		Slugs []core.Slug
	}{slug.Meaning(), slug, core.Slugs()})
	return page{"text/html; charset=utf-8", text.Bytes(), "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}, err
}

// page is an answer that is the same for everybody.
type page struct {
	contentType string
	text        []byte
	policy      string // of content security
}

// VisitGetOpenAPIJSONResponse writes the answer.
func (p page) VisitGetOpenAPIJSONResponse(w http.ResponseWriter) error { return p.write(w) }

// VisitGetOpenAPIYAMLResponse writes the answer.
func (p page) VisitGetOpenAPIYAMLResponse(w http.ResponseWriter) error { return p.write(w) }

// VisitGetProblemPageResponse writes the answer.
func (p page) VisitGetProblemPageResponse(w http.ResponseWriter) error { return p.write(w) }

func (p page) write(w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Content-Type", p.contentType)
	h.Set("Cache-Control", "no-cache")
	if p.policy != "" {
		h.Set("Content-Security-Policy", p.policy)
	}
	_, err := w.Write(p.text)
	return err
}
