package api

import (
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// API is the handler of all routes. It may be used by many goroutines.
type API struct {
	config  Config
	routes  huma.API
	handler http.Handler

	away, late occasionally // told of in the log
}

// New returns the API, or an error that names every faulty field of config.
func New(config Config) (*API, error) {
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("new API: %w", err)
	}
	a := &API{config: config.withDefaults()}
	routed := http.NewServeMux()
	document := newDocument(a.config.Version)
	a.routes = humago.New(routed, huma.Config{
		OpenAPI: document, DefaultFormat: "application/json",
		Formats:                      map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}, // also of application/problem+json
		RejectUnknownQueryParameters: true, Transformers: []huma.Transformer{ownProblems},
	})
	a.routes.UseMiddleware(checkRequest)
	describeTypes(document.Components.Schemas)
	a.addRoutes()
	tidy(document)
	if err := serveDocument(routed, document); err != nil {
		return nil, fmt.Errorf("new API: %w", err)
	}
	if err := serveDocs(routed); err != nil {
		return nil, fmt.Errorf("new API: %w", err)
	}
	a.handler = a.guarded(routed)
	return a, nil
}

// ServeHTTP serves one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.handler.ServeHTTP(w, r) }

// guarded puts in front of the routes what is done with every request, from the last to the first. Probes pass by the bounds of the work.
func (a *API) guarded(routed *http.ServeMux) http.Handler {
	probes := http.NewServeMux()
	a.serveHealth(probes)
	watched := matched(probes)
	work := limit(waiting(matched(routed), (a.config.MaxRequests+1)/2), a.config.MaxRequests)
	work = bounded(work, a.config.RequestTimeout)
	work = limit(buffered(work, a.config.MaxBodyBytes, a.config.BodyTimeout), arriving*a.config.MaxRequests)
	var next http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isProbe(r) {
			watched.ServeHTTP(w, r)
			return
		}
		work.ServeHTTP(w, r)
	})
	next = boundHeaders(next, a.config.MaxHeaderBytes)
	next = recovered(next, a.config.Logger)
	next = logged(next, a.config.Logger)
	next = secured(correlate(next))
	return traced(next, a.config.TracerProvider)
}

// arriving is how many requests may be arriving, for one at work: their bodies take memory, and slow clients must not keep others from work.
const arriving = 4

func (a *API) addRoutes() {
	a.addOrganisations()
	a.addContacts()
	a.addInvoices()
	a.addReadModels()
}
