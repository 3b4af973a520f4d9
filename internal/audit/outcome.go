package audit

// Outcome is how an action, or a part of it, has ended.
type Outcome string

// The outcomes.
const (
	Begun   Outcome = "begun"   // it has not ended
	Done    Outcome = "done"    // all of it
	Pending Outcome = "pending" // of a result: the order is given, and takes effect later
	Partial Outcome = "partial" // of an action: some of it
	Failed  Outcome = "failed"  // none of it
	Refused Outcome = "refused" // it was not tried, for it would have been wrong
)

// Outcomes are all that an action may have.
func Outcomes() []Outcome { return []Outcome{Begun, Done, Partial, Failed, Refused} }

// Judge says how an action has ended, by its results and its error. A result that is Pending counts as done. An action without results is Done, or has
// Failed if there is an error.
func Judge(results []Result, err error) Outcome {
	done, refused := 0, 0
	for _, result := range results {
		switch result.Outcome {
		case Done, Pending:
			done++
		case Refused:
			refused++
		case Begun, Partial, Failed:
		}
	}
	switch {
	case done == len(results) && err == nil:
		return Done
	case done > 0:
		return Partial
	case refused == len(results) && refused > 0 && err == nil:
		return Refused
	}
	return Failed
}
