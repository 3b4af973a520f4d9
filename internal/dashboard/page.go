package dashboard

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/contrail-events/contrail/internal/audit"
)

// page is a page of the dashboard. It is read once for a request, into one value, which has three forms: HTML, by the page's template; JSON, where the address
// ends in ?format=json or the client accepts nothing but JSON; and live, when the template's block "live" is made again every so often and sent if it has changed.
type page struct {
	pattern  string        // of http.ServeMux, without the method, as in /relays/{id}
	section  string        // the entry of the navigation that it belongs to: its address, as in /relays
	title    string        // of the page; a view with a method Title() string says it better
	template string        // the file in templates/, as in relays.html: it defines "content", and, if the page is live, "live" inside it
	every    time.Duration // how often the live part is read again while somebody looks; zero: the page is not live
	read     func(ctx context.Context, r *request) (view any, err error)
}

// action is what an operator does: a form that is posted. It is written into the audit log before it is done and after, and the browser is sent to its
// entry there, which tells the results one by one.
type action struct {
	pattern string                  // of http.ServeMux, without the method, as in /relays/{id}/pause
	name    string                  // in the audit log, as in relay.pause
	target  func(r *request) string // what it is done to, for the audit log, as in "relay host:123"
	do      func(ctx context.Context, r *request) ([]audit.Result, error)
	long    bool   // it goes on in the background after the browser was sent to the entry, which shows what [request.tell] is told; it ends with the dashboard
	answer  string // the file in templates/ that shows request.answer, if do has set it, in place of the entry: for what is told once, such as a new secret
}

// request is what a page or an action is asked.
type request struct {
	http *http.Request
	who  identity       // who asks; on loopback without credentials: the operator "local"
	zone *time.Location // that times are shown in
	now  time.Time

	told   func(results ...audit.Result) // of an action that goes on: see tell
	answer any                           // of an action: the view of its template answer; it is not kept anywhere
}

// tell writes results of an action that goes on into its entry of the audit log, for those who watch it: once in a second or so. What do returns at the end replaces them.
func (r *request) tell(results ...audit.Result) { r.told(results...) }

// path is a wildcard of the pattern.
func (r *request) path(name string) string { return r.http.PathValue(name) }

// query is what stands behind the address's question mark.
func (r *request) query() url.Values { return r.http.URL.Query() }

// form is a field of the posted form; "" if there is none.
func (r *request) form(name string) string { return r.http.PostFormValue(name) }

// reason is why the operator does it: every form of an action that can't be undone asks for it.
func (r *request) reason() string { return r.form("reason") }
