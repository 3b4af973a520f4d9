package jsonl

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/erasure"
)

// batchesAhead is how many batches are read while one is copied.
const batchesAhead = 2

// producer reads batches while others are being copied.
type producer struct {
	reader *reader
	config Config
	ready  chan *batch // in order; the last one has an err
	spent  chan *batch // to be used again
}

func newProducer(from *reader, config Config) *producer {
	p := &producer{reader: from, config: config, ready: make(chan *batch), spent: make(chan *batch, batchesAhead)}
	for range batchesAhead {
		p.spent <- newBatch()
	}
	return p
}

// run ends behind the last batch, or with ctx; not before a Read of the input that is under way has returned.
func (p *producer) run(ctx context.Context) {
	for done := false; !done; {
		var next *batch
		select {
		case <-ctx.Done():
			return
		case next = <-p.spent:
		}
		next.reset()
		next.err = p.fill(ctx, next)
		next.end()
		next.lines, next.bytes = p.reader.lines, p.reader.bytes
		if p.reader.hash != nil {
			next.digest = p.reader.hash.Sum(nil)
		}
		done = next.err != nil
		select {
		case <-ctx.Done():
			return
		case p.ready <- next:
		}
	}
}

// fill reads lines until the batch is full.
func (p *producer) fill(ctx context.Context, b *batch) error {
	for !b.full(p.config.Batch) {
		if ctx.Err() != nil {
			return context.Cause(ctx) //nolint:wrapcheck // nobody looks at it any more
		}
		text, err := p.reader.next()
		switch {
		case errors.Is(err, io.EOF):
			return io.EOF
		case err != nil:
			return p.reader.fault(err)
		}
		event, err := parse(text)
		if err == nil {
			err = p.check(event)
		}
		if err == nil {
			err = b.add(event, p.reader.line)
		}
		if err != nil {
			return &LineError{Line: p.reader.line, Err: err}
		}
		p.reader.accept()
	}
	return nil
}

// check refuses what is an event, but none for this store. Encrypted data is bound to its event: what is not this one's nobody could ever read,
// and it would end every reading with keys that comes to it.
func (p *producer) check(event line) error {
	if event.size > p.config.MaxEventBytes {
		reason := fmt.Sprintf("has %d bytes of data and metadata, more than the %d allowed (MaxEventBytes)", event.size, p.config.MaxEventBytes)
		return &contrail.InvalidError{What: "event type", Value: event.Type, Reason: reason}
	}
	if !event.Sealed {
		return nil
	}
	if corrupt, ok := errors.AsType[*erasure.CorruptError](erasure.Check(event.Recorded)); ok {
		reason := "names a key that its data can't be opened with: " + corrupt.Reason + "; import the line as it was exported, with its id"
		return &contrail.InvalidError{What: "metadata key", Value: contrail.KeySealedWith, Reason: reason}
	}
	return nil
}

// take returns the next batch, which goes back with give, unless it is the last one.
func (p *producer) take(ctx context.Context) (*batch, error) {
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("import events: %w", context.Cause(ctx))
	case b := <-p.ready:
		return b, nil
	}
}

func (p *producer) give(b *batch) { p.spent <- b }
