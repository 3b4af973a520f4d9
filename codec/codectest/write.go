package codectest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

// Write makes the golden files that are not there yet: one of each example's data, and of its metadata where it has any, in today's form; and
// for each older form, of which there is an example already, one that says what is made of it today. It logs what it made, for somebody to
// look at and commit. A file that is there is never written to. Call it when asked to, by a flag of your test.
func Write(tb testing.TB, c *codec.Codec, dir string, examples ...contrail.Payload) {
	tb.Helper()
	f := folder{codec: c, dir: dir}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		tb.Errorf("golden files: %v", err)
		return
	}
	for i, example := range examples {
		if err := f.writeExample(tb, example); err != nil {
			tb.Errorf("golden files in %s: example %d: %v", dir, i+1, err)
		}
	}
	for _, form := range c.Forms() {
		if err := f.writeUpcast(tb, form); err != nil {
			tb.Errorf("golden files in %s: %v", dir, err)
		}
	}
}

func (f folder) writeExample(tb testing.TB, example contrail.Payload) error {
	tb.Helper()
	event, err := f.codec.Encode(example)
	if err != nil {
		return err
	}
	schema, err := codec.SchemaOf(contrail.Recorded{Type: event.Type, Metadata: event.Metadata})
	if err != nil {
		return err
	}
	data, err := json.Marshal(event.Data)
	if err != nil {
		return fmt.Errorf("encode %s: %w", event.Type, err)
	}
	form := codec.Form{Type: event.Type, Schema: schema}
	made, err := f.create(tb, dataFile(form), append(data, '\n'))
	delete(event.Metadata, contrail.KeySchemaVersion)
	if err != nil || !made || len(event.Metadata) == 0 {
		return err // what is there already may have metadata of its own
	}
	text, err := pretty(event.Metadata)
	if err != nil {
		return err
	}
	_, err = f.create(tb, metadataFile(form), text)
	return err
}

func (f folder) writeUpcast(tb testing.TB, form codec.Form) error {
	tb.Helper()
	if f.codec.IsCurrent(form) {
		return nil
	}
	example, err := f.read(form)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // Golden says what is to be done
	}
	if err != nil {
		return err
	}
	values, err := f.codec.Decode(example)
	if err != nil {
		return fmt.Errorf("%s: %w", dataFile(form), err)
	}
	outcomes, err := f.outcomes(values)
	if err != nil {
		return fmt.Errorf("%s: %w", dataFile(form), err)
	}
	text, err := pretty(outcomes)
	if err == nil {
		_, err = f.create(tb, upcastFile(form), text)
	}
	return err
}

// create makes a file unless it is there.
func (f folder) create(tb testing.TB, name string, text []byte) (made bool, err error) {
	tb.Helper()
	file, err := os.OpenFile(filepath.Join(f.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the caller's own folder
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("make %s: %w", name, err)
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return false, fmt.Errorf("write %s: %w", name, err)
	}
	tb.Logf("wrote %s", filepath.Join(f.dir, name))
	return true, nil
}
