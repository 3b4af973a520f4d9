package jsonl

import (
	"errors"
	"fmt"

	"github.com/contrail-events/contrail/eventstore"
)

// Defaults of a [Config].
const (
	DefaultBatch        = 10_000
	DefaultMaxLineBytes = 4 << 20
)

// batchBytes ends a batch before it has all its events: memory is bounded by it and by the longest line, a few times over.
const batchBytes = 4 << 20

// Config of an [Import]. The zero value works.
type Config struct {
	// Resume commits every batch, and goes on behind the last one that an earlier call with the same Name has committed. The default is one
	// transaction for all, of which a failure leaves nothing behind.
	Resume bool

	// Name says which import goes on, such as the name of the file. It must be given with Resume, and only then.
	Name string

	// Batch is how many events are copied, and with Resume committed, at once at most; fewer where they are large. Zero means
	// [DefaultBatch].
	Batch int

	// MaxEventBytes bounds the data and metadata of an event, as eventstore.Config.MaxEventBytes does; zero means
	// [eventstore.DefaultMaxEventBytes].
	MaxEventBytes int

	// MaxLineBytes bounds a line, white space and escape sequences included; zero means [DefaultMaxLineBytes], or more where MaxEventBytes
	// is raised.
	MaxLineBytes int

	// Progress, unless it is nil, is called after each batch, by the goroutine that imports. Without Resume, nothing of it is
	// committed before the end.
	Progress func(Result)
}

// Result is how far an import has come.
type Result struct {
	Events  int64 // appended by this call
	Lines   int64 // of the input that are done, blank ones and those of earlier calls included
	Bytes   int64 // likewise
	Skipped int64 // lines that earlier calls had done
}

// complete checks all fields and puts the defaults in.
func (c Config) complete() (Config, error) {
	var faults []error
	for _, field := range []struct {
		name  string
		value int
	}{{"Batch", c.Batch}, {"MaxEventBytes", c.MaxEventBytes}, {"MaxLineBytes", c.MaxLineBytes}} {
		if field.value < 0 {
			faults = append(faults, fmt.Errorf("jsonl.Config: %s is %d, must not be negative", field.name, field.value))
		}
	}
	if c.Resume && c.Name == "" {
		faults = append(faults, errors.New("jsonl.Config: Name is empty, and Resume needs one to find the import again"))
	}
	if !c.Resume && c.Name != "" {
		faults = append(faults, fmt.Errorf("jsonl.Config: Name is %q, but only with Resume an import has a name", c.Name))
	}
	if c.Batch == 0 {
		c.Batch = DefaultBatch
	}
	if c.MaxEventBytes == 0 {
		c.MaxEventBytes = eventstore.DefaultMaxEventBytes
	}
	if c.MaxLineBytes == 0 {
		c.MaxLineBytes = max(DefaultMaxLineBytes, 8*c.MaxEventBytes)
	}
	return c, errors.Join(faults...)
}
