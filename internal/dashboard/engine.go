package dashboard

import (
	"net/http"
	"slices"
)

// pages are all of them. None is without a credential.
func (d *Dashboard) pages() []page {
	return slices.Concat(d.overviewPages(), d.relayPages(), d.eventPages(), d.consumerPages(), d.letterPages(), d.parkedPages(), d.deliveryPages(),
		d.runPages(), d.healthPages(), d.auditPages())
}

// actions are all of them. None is without a credential, nor for viewers.
func (d *Dashboard) actions() []action {
	return slices.Concat(d.relayActions(), d.eventActions(), d.consumerActions(), d.letterActions(), d.parkedActions(), d.deliveryActions(),
		d.runActions(), d.healthActions())
}

// routes are the addresses. What is not among the first four asks for a credential, an address that nobody knows included.
func (d *Dashboard) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", d.assets)
	mux.HandleFunc("GET /login", d.showLogin)
	mux.HandleFunc("POST /login", d.login)
	mux.HandleFunc("POST /preferences", d.prefer)

	mux.Handle("POST /logout", d.known(d.logout))
	mux.Handle("/", d.known(func(w http.ResponseWriter, r *request) { d.fail(w, r, errNotFound("page "+r.http.URL.Path)) }))
	for _, p := range d.pages() {
		mux.Handle("GET "+p.pattern, d.known(func(w http.ResponseWriter, r *request) { d.servePage(w, r, p) }))
	}
	for _, a := range d.actions() {
		mux.Handle("POST "+a.pattern, d.known(func(w http.ResponseWriter, r *request) { d.serveAction(w, r, a) }))
	}
	return mux
}

// guarded puts in front of the routes what is done with every request, from the last to the first.
func (d *Dashboard) guarded(next http.Handler) http.Handler {
	next = d.sameOrigin(next)
	next = bounded(next)
	next = d.rightHost(next)
	next = d.recovered(next)
	return secured(next)
}
