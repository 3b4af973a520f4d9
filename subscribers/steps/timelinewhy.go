package steps

import (
	"fmt"
	"strings"
	"time"
)

// overdue is how long a run may be due before it is said that nobody comes for it.
const overdue = 15 * time.Second

// why says why a run stands where it stands.
func (t Timeline) why() string {
	switch {
	case t.Status == Finished:
		return fmt.Sprintf("All its steps have succeeded, the last one at %s.", clock(*t.EndedAt))
	case t.Status == Failed:
		return t.reasoned("It has failed for good") + " " + t.undoneSteps()
	case t.Status == Cancelled:
		return t.reasoned("It was cancelled") + " " + t.undoneSteps()
	case t.Status == Halted && t.EndsAs != "":
		return fmt.Sprintf("Undoing step %q has halted it: %s. It goes on with that when a person says so. %s",
			t.StepName(), sentence(t.Error), t.reasoned("It is undone because"))
	case t.Status == Halted:
		return t.reasoned(fmt.Sprintf("Step %q has halted it", t.StepName())) + " It goes on with that step when a person says so."
	case t.Performing && t.Status == Cancelling:
		return fmt.Sprintf("It was cancelled while %s was performing step %q, which has until %s to let go of it. Then what its steps have done is undone.",
			t.LockedBy, t.StepName(), clock(*t.LockedUntil))
	case t.Performing:
		return fmt.Sprintf("%s performs %s; its lease ends at %s unless it is renewed.%s", t.LockedBy, t.doing(), clock(*t.LockedUntil), t.lastError())
	case t.stale():
		return fmt.Sprintf("%s was performing %s, and is taken for dead: its lease ended at %s. %s", t.LockedBy, t.doing(), clock(*t.LockedUntil), t.whoComes())
	}
	return t.whyNotNow()
}

// whyNotNow is for a run that goes on, and that nobody performs.
func (t Timeline) whyNotNow() string {
	due := !t.DueAt.After(t.now)
	switch {
	case len(t.Awaiting) > 0 && t.Status == Waiting:
		return fmt.Sprintf("Step %q waits for the end of %s. It looks again at %s at the latest.", t.StepName(), clean(strings.Join(t.Awaiting, ", ")), clock(*t.DueAt))
	case t.Failures > 0 && !due:
		return fmt.Sprintf("It tries %s again at %s.%s", t.doing(), clock(*t.DueAt), t.lastError())
	case t.Status == Waiting && !due:
		return fmt.Sprintf("Step %q waits until %s.", t.StepName(), clock(*t.DueAt))
	case !due:
		return fmt.Sprintf("It goes on with %s at %s.%s", t.doing(), clock(*t.DueAt), t.lastError())
	}
	return fmt.Sprintf("It is due since %s, to go on with %s.%s %s", clock(*t.DueAt), t.doing(), t.lastError(), t.whoComes())
}

// doing is what is next: "step "charge"", or undoing it.
func (t Timeline) doing() string {
	switch {
	case t.Status == Cancelling:
		return fmt.Sprintf("undoing what its steps before %q have done", t.StepName())
	case t.EndsAs != "" && t.StepName() == "":
		return "its end, as there is nothing left to undo"
	case t.EndsAs != "":
		return fmt.Sprintf("undoing step %q", t.StepName())
	case t.StepName() == "":
		return "its end"
	}
	return fmt.Sprintf("step %q", t.StepName())
}

func (t Timeline) lastError() string {
	switch {
	case t.Failures > 0:
		return fmt.Sprintf(" It has failed there for the %s: %s.", times(t.Failures), sentence(t.Error))
	case t.Error != "":
		return " The last error was: " + sentence(t.Error) + "."
	}
	return ""
}

// whoComes says who goes on with a run that is due.
func (t Timeline) whoComes() string {
	switch late := t.now.Sub(*t.DueAt) > overdue; {
	case t.Workflow == "":
		return "No worker performs it, since it was begun without one: it goes on when whoever has begun it calls Run with its key again."
	case late:
		return fmt.Sprintf("No worker has come for it: run one that has the workflow %q with the steps %s.", t.Workflow, strings.Join(t.Steps, ", "))
	}
	return fmt.Sprintf("A worker of workflow %q goes on with it.", t.Workflow)
}

func (t Timeline) reasoned(what string) string {
	if t.Reason == "" {
		return what + "."
	}
	return what + ": " + sentence(t.Reason) + "."
}

// undoneSteps says what was undone of a run that has not finished.
func (t Timeline) undoneSteps() string {
	if len(t.Undone) == 0 {
		return "Nothing was undone."
	}
	return "Undone, in this order: " + strings.Join(t.Undone, ", ") + "."
}

// sentence is a text that goes on in ours.
func sentence(text string) string { return strings.TrimRight(text, ". \n") }

func clock(at time.Time) string { return at.UTC().Format(time.RFC3339) }
