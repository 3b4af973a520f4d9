package jsonl

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/contrail-events/contrail"
)

const readBuffer = 256 << 10

// reader takes an input apart into lines.
type reader struct {
	from  *bufio.Reader
	limit int       // of a line, in bytes
	hash  hash.Hash // of what was accepted; nil: nobody asks

	line int64  // number of the line that was read last
	raw  []byte // that line, with its line break
	long []byte // memory for lines that are longer than the buffer

	lines, bytes int64 // of the input that were accepted
}

func newReader(from io.Reader, limit int, digest hash.Hash) *reader {
	return &reader{from: bufio.NewReaderSize(from, readBuffer), limit: limit, hash: digest}
}

// readFunc is an io.Reader.
type readFunc func(to []byte) (int, error)

func (f readFunc) Read(to []byte) (int, error) { return f(to) }

// interruptible reads nothing more once ctx has ended.
func interruptible(ctx context.Context, r io.Reader) io.Reader {
	return readFunc(func(to []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return r.Read(to)
	})
}

// next returns the next line that is not blank, without the white space around it; it is good until the next call. The end is io.EOF. The beginning
// of a line that a failure of the input broke off is lost.
func (r *reader) next() ([]byte, error) {
	for {
		if err := r.read(); err != nil {
			return nil, err
		}
		text := r.raw
		if r.line == 1 {
			text = bytes.TrimPrefix(text, []byte("\ufeff"))
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return text, nil
		}
		r.accept()
	}
}

// accept counts the line that was read last as done.
func (r *reader) accept() {
	r.lines = r.line
	r.bytes += int64(len(r.raw))
	if r.hash != nil {
		r.hash.Write(r.raw) // never fails
	}
}

// read reads up to a line break or the end.
func (r *reader) read() (err error) {
	r.raw, err = r.from.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		r.raw, err = r.readLong(r.raw)
	}
	switch {
	case errors.Is(err, io.EOF) && len(r.raw) == 0:
		return io.EOF
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case len(r.raw) > r.limit+len("\r\n"):
		return r.tooLong(r.raw)
	}
	r.line++
	return nil
}

// readLong puts a line together that is longer than the buffer.
func (r *reader) readLong(begun []byte) (text []byte, err error) {
	r.long = append(r.long[:0], begun...)
	for err = bufio.ErrBufferFull; errors.Is(err, bufio.ErrBufferFull); {
		if len(r.long) > r.limit {
			return nil, r.tooLong(r.long)
		}
		text, err = r.from.ReadSlice('\n')
		r.long = append(r.long, text...)
	}
	return r.long, err //nolint:wrapcheck // the end, or wrapped by fault
}

func (r *reader) tooLong(text []byte) error {
	reason := "is longer than the " + strconv.Itoa(r.limit) + " bytes allowed; split the event, or raise the limit (MaxLineBytes)"
	return &LineError{Line: r.line + 1, Err: &contrail.InvalidError{What: "line", Value: string(text[:min(len(text), 30)]), Reason: reason}}
}

// fault wraps a failure of the input, and leaves a LineError as it is.
func (r *reader) fault(err error) error {
	if _, known := errors.AsType[*LineError](err); known {
		return err
	}
	return fmt.Errorf("read the input behind line %d: %w", r.line, err)
}
