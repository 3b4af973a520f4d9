package jsonl

import (
	"bytes"
	"errors"
	"io"
	"iter"

	"github.com/contrail-events/contrail"
)

// Lines yields the events of r, one a line, as [Parse] reads them; their data is a copy. Lines of more than maxLineBytes are refused, zero means
// [DefaultMaxLineBytes]. An error is a [*LineError] or that of r; it ends the sequence and comes as its last pair.
func Lines(r io.Reader, maxLineBytes int) iter.Seq2[contrail.Recorded, error] {
	return func(yield func(contrail.Recorded, error) bool) {
		if maxLineBytes <= 0 {
			maxLineBytes = DefaultMaxLineBytes
		}
		from := newReader(r, maxLineBytes, nil)
		for {
			text, err := from.next()
			if errors.Is(err, io.EOF) {
				return
			}
			var event contrail.Recorded
			if err != nil {
				err = from.fault(err)
			} else if event, err = Parse(text); err != nil {
				err = &LineError{Line: from.line, Err: err}
			}
			event.Data = bytes.Clone(event.Data)
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}
