package main

import (
	"context"
	"fmt"
	"io"
	"os"
)

// invoicesInput is a file of invoices, or standard input.
type invoicesInput struct {
	file  *os.File
	size  int64  // in bytes; -1: nobody knows
	temp  string // the name of the file if it is a copy, else ""
	begin int64  // where the input begins in the file: a shell may have read from it before
}

func openInvoices(name string) (*invoicesInput, error) {
	file, size, err := openInput(name)
	if err != nil {
		return nil, err
	}
	opened, _ := file.(*os.File) // which is what it returns
	return &invoicesInput{file: opened, size: size}, nil
}

// keep makes sure that the input can be read twice: of what can't, such as a pipe, it makes a copy in a temporary file.
func (i *invoicesInput) keep(ctx context.Context) (err error) {
	if i.size >= 0 {
		if i.begin, err = i.file.Seek(0, io.SeekCurrent); err != nil {
			return fmt.Errorf("look where the input begins: %w", err)
		}
		return nil
	}
	copied, err := os.CreateTemp("", "contrail-invoices-*.jsonl")
	if err != nil {
		return fmt.Errorf("keep the input for a second look: %w", err)
	}
	from := i.file
	i.file, i.temp = copied, copied.Name()
	done := make(chan error, 1)
	go func() { // nothing wakes it while it waits for input
		_, err := io.Copy(copied, from)
		done <- err
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx) //nolint:wrapcheck // the signal
	case err := <-done:
		if err != nil {
			return fmt.Errorf("keep the input for a second look: %w", err)
		}
	}
	if i.size, err = copied.Seek(0, io.SeekCurrent); err != nil {
		return fmt.Errorf("keep the input for a second look: %w", err)
	}
	return i.rewind()
}

func (i *invoicesInput) rewind() error {
	if _, err := i.file.Seek(i.begin, io.SeekStart); err != nil {
		return fmt.Errorf("read the input once more: %w", err)
	}
	return nil
}

func (i *invoicesInput) close() {
	_ = i.file.Close() // it was only read, or nobody wants the copy
	if i.temp != "" {
		_ = os.Remove(i.temp)
	}
}
