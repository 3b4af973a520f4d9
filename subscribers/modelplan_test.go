package subscribers_test

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// modelVerdict is what a handler does with an event at one of its attempts.
type modelVerdict string

const (
	modelOK        modelVerdict = "ok"
	modelSkip      modelVerdict = "skip"
	modelError     modelVerdict = "error"
	modelPanic     modelVerdict = "panic"
	modelGoexit    modelVerdict = "goexit"
	modelPermanent modelVerdict = "permanent"
	modelLater     modelVerdict = "retry after"
	modelOverrun   modelVerdict = "overrun" // returns when its ctx has ended
	modelStuck     modelVerdict = "stuck"   // ignores the end of its ctx
)

// succeeds tells whether the event takes effect.
func (v modelVerdict) succeeds() bool { return v == modelOK || v == modelSkip }

// disturbance is what happens in the midst of the work.
type disturbance struct {
	calls   int // of handlers, before it happens
	process int // which one is restarted; below zero: the broker is
}

// modelPlan is all that is chosen about a run.
type modelPlan struct {
	form                                      string
	maxDeliver, processes, concurrency, batch int
	streams                                   []int              // of each event, by its number
	verdicts                                  [][][]modelVerdict // of each event, in each round of requeueing, at each attempt; the last one counts for all that follow
	disturbances                              []disturbance
}

const modelRounds = 2

// drawPlan chooses. The simplest plan, which shrinking tends to, has one event that succeeds.
func drawPlan(t *rapid.T) modelPlan {
	plan := modelPlan{
		form:        rapid.SampledFrom([]string{formTx, formSQL, formPlain}).Draw(t, "form"),
		maxDeliver:  rapid.IntRange(1, 5).Draw(t, "MaxDeliver"),
		processes:   rapid.IntRange(1, 3).Draw(t, "processes"),
		concurrency: rapid.IntRange(1, 4).Draw(t, "concurrency"),
		batch:       rapid.IntRange(1, 8).Draw(t, "batch"),
	}
	verdict := rapid.SampledFrom([]modelVerdict{
		modelOK, modelError, modelOK, modelSkip, modelOK, modelError, modelPanic, modelGoexit, modelLater, modelPermanent,
	})
	attempts := rapid.SliceOfN(verdict, 1, 4)
	for n := range rapid.IntRange(1, 30).Draw(t, "events") {
		plan.streams = append(plan.streams, rapid.IntRange(0, 4).Draw(t, fmt.Sprintf("stream of %d", n)))
		var rounds [][]modelVerdict
		for range modelRounds {
			rounds = append(rounds, attempts.Draw(t, fmt.Sprintf("verdicts on %d", n)))
		}
		plan.verdicts = append(plan.verdicts, rounds)
	}
	if overrun := rapid.SampledFrom([]modelVerdict{modelOK, modelOK, modelOK, modelOverrun, modelOK, modelStuck}).Draw(t, "overrun"); overrun != modelOK {
		plan.verdicts[0][0][0] = overrun // one is enough: it takes its time
	}
	for i := range rapid.SampledFrom([]int{0, 0, 1, 2, 3}).Draw(t, "disturbances") {
		plan.disturbances = append(plan.disturbances, disturbance{
			calls:   rapid.IntRange(0, 20).Draw(t, fmt.Sprintf("calls before disturbance %d", i)),
			process: rapid.IntRange(-1, plan.processes-1).Draw(t, fmt.Sprintf("process of disturbance %d", i)),
		})
	}
	return plan
}

// verdict is the plan's for an attempt, counted from 1.
func (p *modelPlan) verdict(event, round, attempt int) modelVerdict {
	verdicts := p.verdicts[event][round]
	return verdicts[min(attempt, len(verdicts))-1]
}

// restarted tells whether any process was.
func (p *modelPlan) restarted() bool {
	return slices.ContainsFunc(p.disturbances, func(d disturbance) bool { return d.process >= 0 })
}

func (p *modelPlan) brokerRestarted() bool {
	return slices.ContainsFunc(p.disturbances, func(d disturbance) bool { return d.process < 0 })
}

// String is for a failure's report.
func (p *modelPlan) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, MaxDeliver %d, %d processes, concurrency %d, batch %d, disturbances %v\n",
		p.form, p.maxDeliver, p.processes, p.concurrency, p.batch, p.disturbances)
	for n, verdicts := range p.verdicts {
		fmt.Fprintf(&text, "event %d of stream %d: %v\n", n, p.streams[n], verdicts)
	}
	return text.String()
}
