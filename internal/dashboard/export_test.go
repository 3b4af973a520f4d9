package dashboard

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"github.com/contrail-events/contrail/internal/audit"
)

// What the tests in this folder ask of the insides.
var (
	InsideOnly = insideOnly
	PrettyJSON = prettyJSON
	PlainText  = plainText
	Number     = number
	Seconds    = seconds
	BytesOf    = bytesOf
	Percent    = percent
	At         = at
	Worst      = mostCounted
)

// Route is a page or an action of the table.
type Route struct {
	Pattern  string
	Address  string // the pattern with something in its wildcards
	Live     bool
	Template string
	Section  string
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

func addressOf(pattern string) string {
	if pattern == "/{$}" {
		return "/"
	}
	return wildcard.ReplaceAllString(pattern, "1")
}

// Pages and Actions are the tables.
func (d *Dashboard) Pages() (all []Route) {
	for _, p := range d.pages() {
		all = append(all, Route{p.pattern, addressOf(p.pattern), p.every > 0, p.template, p.section})
	}
	return all
}

func (d *Dashboard) Actions() (all []Route) {
	for _, a := range d.actions() {
		all = append(all, Route{Pattern: a.pattern, Address: addressOf(a.pattern)})
	}
	return all
}

// Ending is closed when the dashboard ends.
func (d *Dashboard) Ending() <-chan struct{} { return d.ending }

// Sections are the addresses of the navigation.
func Sections() (all []string) {
	for _, one := range sections() {
		all = append(all, one.Address)
	}
	return all
}

// Trial is a dashboard with pages and actions that do what a test wants.
type Trial struct {
	Read   func() (any, error)                                                           // of the page /trial, which is live
	Act    func(ctx context.Context, tell func(...audit.Result)) ([]audit.Result, error) // of /trial/act, and of /trial/long, which goes on in the background
	Answer any                                                                           // of /trial/answer
}

// Try serves the trial's pages with all that the engine does.
func (d *Dashboard) Try(trial Trial) http.Handler {
	mux := http.NewServeMux()
	p := page{
		pattern: "/trial", section: "/", title: "Trial", template: "auditentry.html", every: 5 * time.Millisecond,
		read: func(context.Context, *request) (any, error) { return trial.Read() },
	}
	mux.Handle("GET /trial", d.known(func(w http.ResponseWriter, r *request) { d.servePage(w, r, p) }))
	do := func(ctx context.Context, r *request) ([]audit.Result, error) {
		r.answer = trial.Answer
		return trial.Act(ctx, r.tell)
	}
	target := func(*request) string { return "trial 1" }
	for _, a := range []action{
		{pattern: "/trial/act", name: "trial.act", target: target, do: do},
		{pattern: "/trial/long", name: "trial.long", target: target, do: do, long: true},
		{pattern: "/trial/answer", name: "trial.answer", target: target, do: do, answer: "error.html"},
	} {
		mux.Handle("POST "+a.pattern, d.known(func(w http.ResponseWriter, r *request) { d.serveAction(w, r, a) }))
	}
	mux.Handle("/", d.routes())
	return d.guarded(mux)
}

// EntryView is what /trial shows.
func EntryView(entry audit.Entry) any { return auditEntry{Entry: entry} }

// Trouble is what the template error.html shows.
func Trouble(text string) any { return trouble{http.StatusOK, text} }
