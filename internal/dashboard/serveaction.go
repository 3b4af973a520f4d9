package dashboard

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/contrail-events/contrail/internal/audit"
)

const (
	actTime  = 60 * time.Second // that an action may take which the browser waits for
	bookTime = 10 * time.Second // that writing into the audit log may take
	actGrace = 8 * time.Second  // that such an action has left when the dashboard ends: less than drainTime, so that the browser is told
)

// done is the JSON form of an action's answer.
type done struct {
	Audit   int64          `json:"audit"` // the entry's id
	Outcome audit.Outcome  `json:"outcome"`
	Results []audit.Result `json:"results"`
	Error   string         `json:"error"`
}

// serveAction writes down what is about to be done, does it, and writes down what has become of it.
func (d *Dashboard) serveAction(w http.ResponseWriter, r *request, a action) {
	if !r.who.mayAct() {
		d.fail(w, r, errForbidden("you are a viewer; an operator may do this"))
		return
	}
	if err := r.http.ParseForm(); err != nil {
		d.fail(w, r, errBadInput("the form can't be read: it is malformed, or has more than 1 MiB"))
		return
	}
	if !d.enter() {
		d.fail(w, r, &httpError{http.StatusServiceUnavailable, "nothing was done, for the dashboard is ending; try again when it is back"})
		return
	}
	defer d.acting.Done()
	ctx := context.WithoutCancel(r.http.Context()) // what has begun is not ended by a browser that goes away
	id, err := d.begin(ctx, r, a)
	if err != nil {
		d.fail(w, r, fmt.Errorf("nothing was done, for it can't be written down: %w", err))
		return
	}
	r.told = func(results ...audit.Result) { d.progress(ctx, id, results) }
	if a.long {
		d.inBackground(ctx, func(ctx context.Context) { _ = d.perform(ctx, r, a, id) })
		d.tellDone(w, r, done{Audit: id, Outcome: audit.Begun})
		return
	}
	ctx, ended := d.untilEnding(ctx, actGrace)
	defer ended()
	bounded, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	told := d.perform(bounded, r, a, id)
	if r.answer != nil && a.answer != "" && !wantsJSON(r.http) {
		d.writePage(w, r, http.StatusOK, shown{page: page{template: a.answer}, view: r.answer})
		return
	}
	d.tellDone(w, r, told)
}

func (d *Dashboard) begin(ctx context.Context, r *request, a action) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, bookTime)
	defer cancel()
	return d.audit.Begin(ctx, audit.Action{
		Who: r.who.Name, Role: string(r.who.Role), Address: d.access.address(r.http), Action: a.name, Target: a.target(r), Reason: r.reason(), Form: written(r.http.PostForm),
	})
}

// written is the form as it is kept: the reason is kept by itself, and secrets are not.
func written(form url.Values) map[string]string {
	kept := make(map[string]string, len(form))
	for name, values := range form {
		lower := strings.ToLower(name)
		switch {
		case name == "reason" || name == "from":
		case strings.Contains(lower, "secret"), strings.Contains(lower, "password"), strings.Contains(lower, "token"):
			kept[name] = "(not kept)"
		default:
			kept[name] = strings.Join(values, ", ")
		}
	}
	return kept
}

// perform does it, and completes the entry whatever happens.
func (d *Dashboard) perform(ctx context.Context, r *request, a action, id int64) done {
	results, err := d.attempt(ctx, r, a)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), bookTime)
	defer cancel()
	outcome, unwritten := d.audit.End(last, id, results, err)
	told := done{Audit: id, Outcome: outcome, Results: results}
	if err != nil {
		told.Error = err.Error()
	}
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelWarn
	}
	d.config.Logger.LogAttrs(ctx, level, "an action was done", slog.String("action", a.name), slog.String("target", a.target(r)), slog.String("who", r.who.Name),
		slog.String("outcome", string(outcome)), slog.Int64("audit", id), slog.Any("error", err))
	if unwritten != nil {
		d.config.Logger.ErrorContext(ctx, "what became of an action is not in the audit log", slog.Int64("audit", id), slog.Any("error", unwritten))
	}
	return told
}

// attempt makes an error of a panic, so that the entry ends.
func (d *Dashboard) attempt(ctx context.Context, r *request, a action) (results []audit.Result, err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			d.config.Logger.ErrorContext(ctx, "an action has panicked", slog.String("action", a.name), slog.Any("panic", thrown), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("this is a defect: %v; the log has more", thrown)
		}
	}()
	return a.do(ctx, r)
}

// progress shows what an action that goes on has done so far. That it can't be shown does not end the action.
func (d *Dashboard) progress(ctx context.Context, id int64, results []audit.Result) {
	ctx, cancel := context.WithTimeout(ctx, bookTime)
	defer cancel()
	if err := d.audit.Tell(ctx, id, results...); err != nil {
		d.config.Logger.WarnContext(ctx, "progress of an action is not in the audit log", slog.Int64("audit", id), slog.Any("error", err))
	}
}

// enter counts an action as one that the end of the dashboard waits for, until acting.Done; once it ends, there are no more.
func (d *Dashboard) enter() bool {
	d.doing.Lock()
	defer d.doing.Unlock()
	select {
	case <-d.ending:
		return false
	default:
		d.acting.Add(1)
		return true
	}
}

// inBackground does something that ends, at the latest, with the dashboard. Call it between enter and acting.Done.
func (d *Dashboard) inBackground(ctx context.Context, do func(ctx context.Context)) {
	d.acting.Go(func() {
		ctx, ended := d.untilEnding(ctx, 0)
		defer ended()
		do(ctx)
	})
}

// untilEnding is a context that is cancelled so long after the dashboard began to end.
func (d *Dashboard) untilEnding(ctx context.Context, grace time.Duration) (until context.Context, cancel func()) {
	until, end := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-until.Done():
			return
		case <-d.ending:
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-until.Done():
		case <-timer.C:
			end(errEnding)
		}
	}()
	return until, func() { end(nil) }
}

// tellDone sends the browser to the entry, which tells the results, and a program the results themselves.
func (d *Dashboard) tellDone(w http.ResponseWriter, r *request, told done) {
	if !wantsJSON(r.http) {
		address := url.URL{Path: "/audit/" + strconv.FormatInt(told.Audit, 10)}
		if from := insideOnly(r.form("from")); from != "/" {
			address.RawQuery = url.Values{"from": {from}}.Encode()
		}
		http.Redirect(w, r.http, address.String(), http.StatusSeeOther)
		return
	}
	status := http.StatusOK
	switch told.Outcome {
	case audit.Begun:
		status = http.StatusAccepted
	case audit.Failed, audit.Refused:
		status = http.StatusConflict
	case audit.Done, audit.Pending, audit.Partial:
	}
	d.writeJSON(w, r.http, status, told)
}
