package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// eventsOutput is standard output, or a file that appears under its name when it is complete.
type eventsOutput struct {
	io.Writer

	file  *os.File // a temporary one beside the one to be; nil: standard output, a pipe or a device
	name  string
	force bool
}

// openOutput opens what will be the file. One that is there already is refused unless force is set.
func (a *app) openOutput(name string, force bool) (*eventsOutput, error) {
	if name == "-" {
		return &eventsOutput{Writer: a.stdout}, nil
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("the output can't be written: %w", err)
	case info.IsDir():
		return nil, fmt.Errorf("%s is a folder; give the name of a file", name)
	case !info.Mode().IsRegular(): // a pipe or a device is written to as it is
		file, err := os.OpenFile(name, os.O_WRONLY, 0) //nolint:gosec // the user names it
		if err != nil {
			return nil, fmt.Errorf("the output can't be written: %w", err)
		}
		return &eventsOutput{Writer: file}, nil
	case !force:
		return nil, errThere(name)
	}
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return nil, fmt.Errorf("the output can't be written: %w", err)
	}
	return &eventsOutput{Writer: file, file: file, name: name, force: force}, nil
}

func errThere(name string) error {
	return fmt.Errorf("%s is there already; give another name, or --force to replace it", name)
}

// keep makes the file permanent, under its name.
func (o *eventsOutput) keep() error {
	if o.file == nil {
		return nil
	}
	if err := errors.Join(o.file.Sync(), o.file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", o.name, err)
	}
	if !o.force {
		switch err := os.Link(o.file.Name(), o.name); {
		case err == nil:
			return nil // discard removes the other name
		case errors.Is(err, fs.ErrExist): // it has appeared meanwhile
			return errThere(o.name)
		}
	}
	if err := os.Rename(o.file.Name(), o.name); err != nil { // also where a file system has no links
		return fmt.Errorf("write %s: %w", o.name, err)
	}
	return nil
}

// discard removes what is left of a file that is not complete. After keep there is nothing left.
func (o *eventsOutput) discard() {
	if o.file != nil {
		_ = o.file.Close()
		_ = os.Remove(o.file.Name())
	}
}
