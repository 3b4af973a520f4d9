package domain

import (
	"slices"
	"strings"

	"github.com/contrail-events/contrail/domain/rule"
)

// Option is a condition on one command, or something more about it.
type Option func(*options)

type options struct {
	versions    []int64
	conditional bool
	key         string
	once        bool
	reference   string
}

// IfVersion lets the command through only if the aggregate is at one of these versions, else it is a [*VersionError]. Where none is given,
// none will do. A new aggregate is at version 0.
func IfVersion(versions ...int64) Option {
	return func(o *options) { o.versions, o.conditional = slices.Clone(versions), true }
}

// Once gives the command an idempotency key of the tenant's: 1 to 255 printable ASCII characters, else [ErrKey]. Once the command has
// taken effect, the same command on the same aggregate with the same arguments and the key is answered with what was done then, whatever
// has become of the aggregate, its version included, also when both run at the same moment; any other command with the key is
// [ErrKeyReused]. A command that was refused is not kept, and may be tried again. For how long keys are kept is the store's to say.
func Once(key string) Option {
	return func(o *options) { o.key, o.once = key, true }
}

// WithReference gives a new aggregate the client's own name for it: 1 to rule.MaxReferenceLength characters that no other aggregate of
// the tenant and the kind has or had, else a [*ReferenceError]. "" is no reference. Other commands refuse it with [ErrReferenceFixed].
func WithReference(reference string) Option {
	return func(o *options) { o.reference = reference }
}

func collect(given []Option) (o options) {
	for _, option := range given {
		if option != nil {
			option(&o)
		}
	}
	return o
}

const maxKeyLength = 255

// check looks at the options of a command on an aggregate that is new or not.
func (o options) check(isNew bool) []*rule.FieldError {
	faults := []*rule.FieldError{rule.Reference(o.reference)}
	if !isNew && o.reference != "" {
		faults = []*rule.FieldError{rule.At("reference", ErrReferenceFixed)}
	}
	isPrintable := func(r rune) bool { return r >= ' ' && r <= '~' }
	if o.once && (o.key == "" || len(o.key) > maxKeyLength || strings.TrimFunc(o.key, isPrintable) != "") {
		faults = append(faults, rule.At("idempotency_key", ErrKey))
	}
	return faults
}

// checkVersion looks at what the aggregate is at.
func (o options) checkVersion(at Ref, actual int64) error {
	if o.conditional && !slices.Contains(o.versions, actual) {
		return &VersionError{Ref: at, Wanted: o.versions, Actual: actual}
	}
	return nil
}
