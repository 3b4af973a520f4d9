package api

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/contrail-events/contrail/domain/money"
	"github.com/contrail-events/contrail/internal/invoicing"
)

// serveDocument serves the OpenAPI document, which is written once, when all routes are known.
func serveDocument(mux *http.ServeMux, document *huma.OpenAPI) error {
	asJSON, err := document.MarshalJSON()
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	asYAML, err := document.YAML()
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	mux.Handle("GET /openapi.json", static("application/openapi+json", asJSON))
	mux.Handle("GET /openapi.yaml", static("application/openapi+yaml", asYAML))
	return nil
}

func static(contentType string, text []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(text) // the client may be gone
	})
}

const introduction = `Organisations, their contacts and their invoices, as events.

A command answers what it made of it: the aggregate's id and the events. ETag is the aggregate's version, and If-Match makes a command depend on
it. Idempotency-Key makes a command safe to send again: what was done once is not done twice, and answered alike. Contrail-Position is the position
of the last event: give it to a read model as at_least to read one's own writes.

Every refusal is a problem (RFC 9457), whose type and code never change.`

// newDocument is the document without its routes.
func newDocument(version string) *huma.OpenAPI {
	return &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Invoicing", Version: version, Description: introduction,
			License: &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"},
		},
		Tags: []*huma.Tag{
			{Name: tagOrganisation, Description: "Who writes invoices."},
			{Name: tagContact, Description: "Whom invoices are written to."},
			{Name: tagInvoice, Description: "Drafted, issued, paid; or voided."},
			{Name: tagReadModel, Description: "What projections make of the events. They follow, and say how far they are."},
		},
		Components: &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)},
	}
}

// describeTypes says what those types look like in JSON that say it only in code.
func describeTypes(schemas huma.Registry) {
	schemas.RegisterTypeAlias(reflect.TypeFor[money.Money](), reflect.TypeFor[Amount]())
	schemas.RegisterTypeAlias(reflect.TypeFor[invoicing.Total](), reflect.TypeFor[Amount]())
	schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
}

// tidy says of every schema what holds for all: no list is ever null, and what is answered may have more members one day, where a request may not.
func tidy(document *huma.OpenAPI) {
	for name, schema := range document.Components.Schemas.Map() {
		for field, property := range schema.Properties {
			if property.Type == huma.TypeArray {
				property.Nullable = false
			}
			if field == "reference" && isRequest(name) {
				property.Examples = []any{""} // none, so that the sample of a body can be sent twice
			}
		}
		if !isRequest(name) {
			schema.AdditionalProperties = nil
		}
	}
	for _, path := range document.Paths {
		for _, operation := range []*huma.Operation{path.Get, path.Post, path.Put, path.Patch, path.Delete} {
			fillTenant(operation)
		}
	}
	delete(document.Components.Schemas.Map(), "ErrorModel") // huma's own problems, in place of which ours are answered
	delete(document.Components.Schemas.Map(), "ErrorDetail")
}

// fillTenant fills in a tenant where somebody tries an operation on the page: it is asked for each time.
func fillTenant(operation *huma.Operation) {
	if operation == nil {
		return
	}
	for _, parameter := range operation.Parameters {
		if parameter.Name == headerTenant {
			parameter.Example = "t1"
		}
	}
}

// isRequest tells of the schemas that what is sent consists of.
func isRequest(name string) bool {
	return strings.HasPrefix(name, "Create") || strings.HasPrefix(name, "Update") || slices.Contains([]string{"DraftInvoice", "Line", "Amount"}, name)
}

const (
	tagOrganisation = "organisation"
	tagContact      = "contact"
	tagInvoice      = "invoice"
	tagReadModel    = "read models"
)
