package jsonl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/contrail-events/contrail"
)

const (
	exportBuffer = 256 << 10
	exportStep   = 1000 // events between two calls of progress
)

// Export writes events as lines, one after another, and returns how many it has written. progress, unless it is nil, is called with their number
// after each thousand and at the end. An error is that of the sequence, of w or of ctx, and says after how many events it came.
//
//	n, err := jsonl.Export(ctx, file, store.Read(ctx, pool, eventstore.Query{Category: "invoice"}), nil)
func Export(
	ctx context.Context, w io.Writer, events iter.Seq2[contrail.Recorded, error], progress func(events int64),
) (n int64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("export after %d events: %w", n, err)
		}
	}()
	buffered, read := make([]byte, 0, exportBuffer), int64(0)
	flush := func() error {
		if _, err := w.Write(buffered); err != nil {
			return err //nolint:wrapcheck // it is wrapped above
		}
		n, buffered = read, buffered[:0]
		return context.Cause(ctx)
	}
	for event, err := range events {
		if err != nil {
			return n, errors.Join(err, flush())
		}
		buffered = append(AppendLine(buffered, event), '\n')
		read++
		if len(buffered) >= exportBuffer {
			err = flush()
		}
		if progress != nil && read%exportStep == 0 {
			progress(read)
		}
		if err != nil {
			return n, err
		}
	}
	if err := flush(); err != nil {
		return n, err
	}
	if progress != nil {
		progress(n)
	}
	return n, nil
}
