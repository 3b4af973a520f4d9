package deadletters

// Result is what became of a letter.
type Result string

// The results.
const (
	ResultRequeued  Result = "requeued"  // it is, now or by a try before
	ResultDiscarded Result = "discarded" // it is
	ResultRefused   Result = "refused"   // it stays, since it must not be done
	ResultGone      Result = "gone"      // there is no such letter, or not any more
	ResultFailed    Result = "failed"    // it could not be done; the letter stays, and doing it again doubles nothing
)

// Outcome is what became of one letter.
type Outcome struct {
	ID       uint64 `json:"id"`
	Consumer string `json:"consumer,omitempty"`
	Result   Result `json:"result"`
	Done     bool   `json:"done"`              // it is as was asked for
	Sequence uint64 `json:"becomes,omitempty"` // the ID of what it has become, requeued or discarded
	Text     string `json:"text"`              // completes the sentence "letter 17 …": what was done, or why not
	Warning  string `json:"warning,omitempty"` // what keeps it from having an effect so far; empty: nothing
}

func outcome(letter Letter, result Result, text string) Outcome {
	done := result == ResultRequeued || result == ResultDiscarded
	return Outcome{ID: letter.ID, Consumer: letter.Consumer, Result: result, Done: done, Text: text}
}
