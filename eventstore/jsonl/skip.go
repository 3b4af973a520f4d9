package jsonl

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/contrail-events/contrail"
)

// skip passes over the lines that were accepted before, size bytes that must have this digest.
func (r *reader) skip(lines, size int64, digest []byte) error {
	var last lastByte
	_, err := io.CopyN(io.MultiWriter(r.hash, &last), r.from, size)
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it has less than the %d bytes that were; give the same input, or another name", ErrOtherInput, size)
	case err != nil:
		return fmt.Errorf("read the input: %w", err)
	case !bytes.Equal(r.hash.Sum(nil), digest):
		return fmt.Errorf("%w: its first %d bytes are others; give the same input, or another name", ErrOtherInput, size)
	}
	r.line, r.lines, r.bytes = lines, lines, size
	if last == '\n' || size == 0 {
		return nil
	}
	return r.skipRest()
}

// skipRest passes over what has come behind a last line that had no line break: nothing but the line break.
func (r *reader) skipRest() error {
	err := r.read()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return r.fault(err)
	}
	r.line--
	if text := bytes.TrimSpace(r.raw); len(text) > 0 {
		reason := "has come behind what was imported as a whole line; put a line break before it"
		return &LineError{Line: r.line, Err: &contrail.InvalidError{What: "text", Value: string(text), Reason: reason}}
	}
	r.accept()
	return nil
}

// lastByte keeps the last byte that was written to it.
type lastByte byte

func (b *lastByte) Write(text []byte) (int, error) {
	if len(text) > 0 {
		*b = lastByte(text[len(text)-1])
	}
	return len(text), nil
}
