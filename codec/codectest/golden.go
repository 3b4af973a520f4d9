package codectest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

// Golden fails the test, with a line for each fault, when
//
//   - a form that the codec can read, written today or upcast, has no file in dir;
//   - a file is left over whose form the codec can't read any more;
//   - an example can't be decoded;
//   - an example of today's form, decoded and encoded again, is other JSON, or carries metadata that the example lacks;
//   - an example of a former one is upcast into something else than its file says.
//
// JSON is compared by what it means: the order of fields, white space and escapes don't count. Examples were recorded on 1 January
// 1970, in the stream golden-1. Golden changes no file.
func Golden(tb testing.TB, c *codec.Codec, dir string) {
	tb.Helper()
	f := folder{codec: c, dir: dir}
	for _, form := range c.Forms() {
		if err := f.check(form); err != nil {
			tb.Errorf("golden files in %s: %v", dir, err)
		}
	}
	leftOver, err := f.leftOver()
	if err != nil {
		tb.Errorf("golden files: %v", err)
	}
	for _, name := range leftOver {
		tb.Errorf("golden files in %s: %s belongs to no form that is read: what was shipped once must stay readable, "+
			"so register its type or its upcaster; remove the file only if no store holds such an event", dir, name)
	}
}

// folder is a codec and the files that it is held against.
type folder struct {
	codec *codec.Codec
	dir   string
}

// check compares one form with its files.
func (f folder) check(form codec.Form) error {
	example, err := f.read(form)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing: %s", dataFile(form), f.howToGet(form))
	}
	if err != nil {
		return err
	}
	values, err := f.codec.Decode(example)
	if err != nil {
		return fmt.Errorf("%s: %w", dataFile(form), err)
	}
	outcomes, err := f.outcomes(values)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", dataFile(form), err)
	case f.codec.IsCurrent(form):
		return compareCurrent(form, example, outcomes[0])
	}
	return f.compareUpcast(form, outcomes)
}

func (f folder) howToGet(form codec.Form) string {
	if f.codec.IsCurrent(form) {
		return "give codectest.Write an example of it"
	}
	return "take one from a store, or from the version of the program that wrote them"
}

// compareCurrent sees to it that today's program writes what it reads.
func compareCurrent(form codec.Form, example contrail.Recorded, again outcome) error {
	if !equal(example.Data, again.Data) {
		return fmt.Errorf("%s is encoded again as other data:\n%s\nwas: %s\nthe type has changed: raise its codec.Schema and add an upcaster",
			dataFile(form), again.Data, example.Data)
	}
	for key, value := range again.Metadata {
		if kept, found := example.Metadata[key]; !found || kept != value {
			return fmt.Errorf("%s: the payload has the metadata %s=%q, but the example has %q: put it into %s",
				dataFile(form), key, value, kept, metadataFile(form))
		}
	}
	return nil
}

func (f folder) compareUpcast(form codec.Form, outcomes []outcome) error {
	got, err := pretty(outcomes)
	if err != nil {
		return err
	}
	want, err := fs.ReadFile(os.DirFS(f.dir), upcastFile(form))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is missing: codectest.Write makes it; what is made of the example today is\n%s", upcastFile(form), got)
	case err != nil:
		return fmt.Errorf("read what is made of %s: %w", form, err)
	case !equal(want, got):
		return fmt.Errorf("%s says otherwise than what is made of %s today:\n%swas:\n%sif that is meant, remove the file and let codectest.Write make it",
			upcastFile(form), dataFile(form), got, want)
	}
	return nil
}

// leftOver lists the files that belong to no form.
func (f folder) leftOver() (names []string, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list %s: %w", f.dir, err)
	}
	expected := map[string]bool{}
	for _, form := range f.codec.Forms() {
		expected[dataFile(form)], expected[metadataFile(form)] = true, true
		expected[upcastFile(form)] = !f.codec.IsCurrent(form)
	}
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, ".json") && !expected[name] {
			names = append(names, name)
		}
	}
	return names, nil
}

// outcome is an event as today's program would write it.
type outcome struct {
	Type     string            `json:"type"`
	Metadata contrail.Metadata `json:"metadata,omitempty"` // without the schema version
	Data     json.RawMessage   `json:"data"`
}

func (f folder) outcomes(values []contrail.Payload) ([]outcome, error) {
	outcomes := make([]outcome, len(values))
	for i, value := range values {
		event, err := f.codec.Encode(value)
		if err != nil {
			return nil, err
		}
		data, err := json.Marshal(event.Data)
		if err != nil {
			return nil, fmt.Errorf("encode again: %w", err)
		}
		delete(event.Metadata, contrail.KeySchemaVersion)
		outcomes[i] = outcome{Type: event.Type, Metadata: event.Metadata, Data: data}
	}
	return outcomes, nil
}
