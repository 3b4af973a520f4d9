package steps

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// move is where a step brings its run to.
type move struct {
	status Status
	endsAs Status // "": it goes forward
	step   int
	round  int64
	reason string
	err    string
	list   []json.RawMessage // nil: as it was
	awaits []string
	delay  time.Duration
	until  time.Time // zero: after delay

	name, what, detail string // for the log
}

// stay is a move to where the run is.
func (p *performance) stay(status Status, what string) move {
	return move{
		status: status, endsAs: p.run.endsAs, step: p.run.step, round: p.run.round, reason: p.run.reason, name: p.state.step, what: what,
	}
}

// succeeded is the move behind a step.
func (p *performance) succeeded() move {
	next := move{status: Ready, step: p.run.step + 1, name: p.state.step, what: whatSucceeded}
	if next.step == len(p.steps) {
		next.status = Finished
	}
	return next
}

// undone is the move behind an undo.
func (p *performance) undone() move {
	next := p.stay(Compensating, whatUndone)
	next.step, next.round = p.lastToUndo(p.run.step-1), 0
	if next.step == 0 {
		next.status = p.run.endsAs
	}
	return next
}

// lastToUndo returns how far back the next step to undo is, of those before a step: its number, counted from 1; 0: none.
func (p *performance) lastToUndo(before int) int {
	for n := before; n > 0; n-- {
		if p.steps[n-1].undo != nil {
			return n
		}
	}
	return 0
}

// undoing is the move of a run that goes forward no more. The step at which it stands is to be undone, too, if something of it is committed, as its list may be, or it may
// have taken effect elsewhere.
func (p *performance) undoing(endsAs Status, begun bool, reason string) move {
	next := p.stay(Compensating, whatUndoing)
	next.endsAs, next.reason, next.awaits = endsAs, reason, nil
	if step := p.steps[p.run.step]; step.undo != nil && (p.run.round > 0 || p.run.list != nil || step.outside && begun) {
		next.step++
		return next
	}
	next.step, next.round = p.lastToUndo(p.run.step), 0
	if next.step == 0 {
		next.status = endsAs
	}
	return next
}

// again is the move of a step that wants to be performed again.
func (p *performance) again(control *controlError) move {
	next := p.stay(control.status, control.what)
	next.delay, next.until, next.awaits = control.delay, control.until, control.awaits
	if p.run.list == nil {
		next.round++
	}
	switch {
	case control.status == Halted:
		next.detail = clean(control.reason)
		if p.run.endsAs == "" {
			next.reason = next.detail
		} else {
			next.err = next.detail // the reason is why it is undone
		}
	case control.status == Ready && p.run.endsAs != "":
		next.status = Compensating
	case len(control.awaits) > 0:
		next.detail = clean("for " + strings.Join(control.awaits, ", "))
	case control.status == Waiting:
		next.detail = strings.TrimPrefix(strings.TrimPrefix(control.Error(), "waits "), "for ")
	}
	return next
}

// maxText bounds what is written of an error.
const maxText = 2048

// clean makes text that fits into a row and on a terminal.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) > maxText {
		text = fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(text[:maxText], ""), len(text))
	}
	return text
}
