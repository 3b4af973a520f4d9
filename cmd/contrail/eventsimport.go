package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/contrail-events/contrail/eventstore/jsonl"
)

// eventsImportVerb imports.
type eventsImportVerb struct {
	File   string `arg:"" help:"A file of JSON lines, as export writes them; - is standard input."`
	Resume bool   `help:"Commit as it goes, and go on behind what an earlier call has committed."`
	Name   string `env:"-" placeholder:"NAME" help:"With --resume: the name to find the import again by. Default: that of the file, without its folder."`
	Batch  int    `default:"10000" help:"Events that are copied, and with --resume committed, at once."`
	JSON   bool   `name:"json" help:"Print the outcome as JSON."`

	sizeFlag
}

// Help teaches.
func (*eventsImportVerb) Help() string {
	return `Appends the events of a file, one a line as contrail events export writes them, by COPY. A line needs stream, type and data. Its
position is ignored; without an id, a version or recorded_at it gets a new id, the next version of its stream, the present time.
Encrypted data is taken as it is, for the event that it was encrypted for; its key is not in the file, and without it the event
reads as erased.

All or nothing: the first bad line is named, and nothing of the file is in the store. The import is then one transaction, and no
reader sees what anybody else appends before it ends. Where that takes too long, --resume commits every batch; when it is broken
off, by a bad line, a signal or a crash, the same command goes on behind the last batch that was committed.

Examples:

  contrail events import events.jsonl
  zcat events.jsonl.gz | contrail events import - --resume --name events-2026
  contrail events import events.jsonl --json | jq .events`
}

// imported is what --json prints.
type imported struct {
	Events  int64   `json:"events"`  // appended by this call
	Lines   int64   `json:"lines"`   // of the file that are done, blank ones and those of earlier calls included
	Bytes   int64   `json:"bytes"`   // likewise
	Skipped int64   `json:"skipped"` // lines that earlier calls had done
	Seconds float64 `json:"seconds"`
}

// Run imports.
func (v *eventsImportVerb) Run(ctx context.Context, a *app) error {
	config, err := v.config()
	if err != nil {
		return err
	}
	file, size, err := openInput(v.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	progress := a.newEventsProgress("importing", size, true)
	config.Progress = func(result jsonl.Result) { progress.at(result.Bytes) }
	began := time.Now()
	result, err := jsonl.Import(ctx, pool, file, config)
	took := time.Since(began)
	progress.gone()
	if err != nil {
		return v.brokenOff(result, err)
	}
	done := imported{Events: result.Events, Lines: result.Lines, Bytes: result.Bytes, Skipped: result.Skipped, Seconds: round(took)}
	if v.JSON {
		return a.printJSON(done)
	}
	a.printf("imported %s in %s\n", plural(done.Events, "event"), seconds(took.Seconds()))
	if done.Skipped > 0 {
		a.printf("%s had been imported before\n", plural(done.Skipped, "line"))
	}
	return nil
}

func (v *eventsImportVerb) config() (jsonl.Config, error) {
	config := jsonl.Config{Resume: v.Resume, Batch: v.Batch, Name: v.Name, MaxEventBytes: v.MaxEventBytes}
	if err := errors.Join(atLeast("--batch", v.Batch, 1), atLeast("--max-event-bytes", v.MaxEventBytes, 1)); err != nil {
		return config, err
	}
	switch {
	case v.Name != "" && !v.Resume:
		return config, usagef("--name is for --resume; give both, or none")
	case v.Resume && v.Name == "" && v.File == "-":
		return config, usagef("standard input has no name to go on with; give --name")
	case v.Resume && v.Name == "":
		config.Name = filepath.Base(v.File)
	}
	return config, nil
}

// brokenOff says how much is in the store.
func (v *eventsImportVerb) brokenOff(result jsonl.Result, err error) error {
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	if errors.Is(err, jsonl.ErrOtherInput) {
		return err
	}
	if !v.Resume {
		if errors.Is(err, jsonl.ErrInDoubt) {
			return fmt.Errorf("%w; look for the last event in the store before you import again", err)
		}
		return fmt.Errorf("%w; nothing was imported", err)
	}
	return fmt.Errorf("%w; %s of the input %s in the store, and the same command goes on behind them",
		err, plural(result.Lines, "line"), agree(result.Lines, "is", "are"))
}

// openInput opens a file, or standard input for -. The size is -1 where nobody knows it.
func openInput(name string) (io.ReadCloser, int64, error) {
	file := os.Stdin
	if name != "-" {
		opened, err := os.Open(name) //nolint:gosec // the user names it
		if err != nil {
			return nil, 0, fmt.Errorf("the input can't be opened: %w; give a file of JSON lines, or -", err)
		}
		file = opened
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		return file, info.Size(), nil
	}
	return file, -1, nil
}
