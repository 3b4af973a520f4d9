package codectest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

func dataFile(form codec.Form) string { return fmt.Sprintf("%s.v%d.json", form.Type, form.Schema) }

func metadataFile(form codec.Form) string {
	return fmt.Sprintf("%s.v%d.metadata.json", form.Type, form.Schema)
}

func upcastFile(form codec.Form) string {
	return fmt.Sprintf("%s.v%d.upcast.json", form.Type, form.Schema)
}

// read is the example of a form as an event. The error wraps fs.ErrNotExist where there is none.
func (f folder) read(form codec.Form) (contrail.Recorded, error) {
	data, err := fs.ReadFile(os.DirFS(f.dir), dataFile(form))
	if err != nil {
		return contrail.Recorded{}, fmt.Errorf("read the example of %s: %w", form, err)
	}
	metadata, err := f.readMetadata(form)
	if err != nil {
		return contrail.Recorded{}, err
	}
	if form.Schema > 1 {
		metadata = metadata.With(contrail.KeySchemaVersion, strconv.Itoa(form.Schema))
	}
	return contrail.Recorded{
		Position: 1, Stream: contrail.NewStreamID("golden", "1"), Version: 1, Type: form.Type,
		Data: data, Metadata: metadata, RecordedAt: time.Unix(0, 0).UTC(),
	}, nil
}

func (f folder) readMetadata(form codec.Form) (contrail.Metadata, error) {
	metadata := contrail.Metadata{}
	text, err := fs.ReadFile(os.DirFS(f.dir), metadataFile(form))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return metadata, nil
	case err == nil:
		err = json.Unmarshal(text, &metadata)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", metadataFile(form), err)
	}
	delete(metadata, contrail.KeySchemaVersion) // the file's name says it
	return metadata, nil
}

// pretty is a value as a file for people to look at.
func pretty(value any) ([]byte, error) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write as JSON: %w", err)
	}
	return append(text, '\n'), nil
}
