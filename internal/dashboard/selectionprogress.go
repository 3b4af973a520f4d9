package dashboard

import (
	"fmt"
	"time"

	"github.com/contrail-events/contrail/internal/audit"
)

const (
	tellEvery    = 2 * time.Second // how often a long action tells how far it is
	mostDoneKept = 500             // results of a long action that are kept one by one though all is well
)

// progress collects the results of an action on many things, in bounded memory, and tells how far it is.
type progress struct {
	request *request
	of      string // as in "dead letter"
	past    string // as in "requeued"
	total   int64  // zero: unknown

	results  []audit.Result
	done     int64 // in all
	unlisted int64 // of these, without a result of their own
	others   int64 // that are not as was asked for
	toldAt   time.Time
	warnings map[string]bool
}

// add takes one result.
func (p *progress) add(result audit.Result) {
	if result.Outcome != audit.Done {
		p.others++
		if p.others <= audit.MostResults {
			p.results = append(p.results, result)
		}
	} else if p.done++; p.done <= mostDoneKept {
		p.results = append(p.results, result)
	} else {
		p.unlisted++
	}
	p.tell()
}

// warn adds what keeps things from having an effect, once.
func (p *progress) warn(text string) {
	if text == "" || p.warnings[text] || len(p.warnings) >= mostDoneKept {
		return
	}
	if p.warnings == nil {
		p.warnings = map[string]bool{}
	}
	p.warnings[text] = true
	p.results = append(p.results, audit.Result{What: "but", Outcome: audit.Pending, Detail: text})
}

func (p *progress) sentence() string {
	text := plural(p.done, p.of)
	if p.total > 0 {
		text = fmt.Sprintf("%d of %s", p.done, plural(p.total, p.of))
	}
	text += " " + p.past
	if p.others > 0 {
		text += fmt.Sprintf(", %d not", p.others)
	}
	return text
}

// all are the results at the end.
func (p *progress) all() []audit.Result {
	results := p.results
	if p.unlisted > 0 {
		results = append(results, audit.Result{What: plural(p.unlisted, "more "+p.of), Outcome: audit.Done, Detail: p.past})
	}
	if more := p.others - audit.MostResults; more > 0 {
		results = append(results, audit.Result{What: plural(more, "more "+p.of), Outcome: audit.Failed, Detail: "not " + p.past})
	}
	if len(results) == 0 {
		results = append(results, audit.Result{What: "nothing", Outcome: audit.Done, Detail: "there is nothing to do: somebody else was faster, or what was meant is gone"})
	}
	return results
}

// reached notes that so many are done, without results of their own.
func (p *progress) reached(done int64) {
	p.done = done
	p.tell()
}

// tell says how far it is, every two seconds.
func (p *progress) tell() {
	if now := time.Now(); p.toldAt.IsZero() {
		p.toldAt = now
	} else if now.Sub(p.toldAt) >= tellEvery {
		p.toldAt = now
		p.request.tell(audit.Result{What: "so far", Outcome: audit.Pending, Detail: p.sentence()})
	}
}
