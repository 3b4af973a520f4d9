package domain

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"github.com/contrail-events/contrail/domain/rule"
)

// request is one command as a client gave it.
type request struct {
	actor   Actor
	verb    string // what is to be done, the same by whatever name it is called
	id      string // of the aggregate; "": a new one
	args    any    // what else makes one command another, but for the clock; nil: nothing
	options options
}

func newRequest(actor Actor, verb, id string, args any, given []Option) request {
	return request{actor: actor, verb: verb, id: id, args: args, options: collect(given)}
}

// check looks at what does not depend on any aggregate.
func (r request) check() error {
	if err := r.actor.check(); err != nil {
		return err
	}
	return rule.Check(r.options.check(r.id == "")...)
}

// fingerprint tells one command from another. A field that arguments get in a later version must be left out of the JSON where it is
// zero, or commands that were kept by an earlier one are taken for others.
func (r request) fingerprint(category string) (Fingerprint, error) {
	text, err := json.Marshal(struct {
		Category  string `json:"category"`
		Verb      string `json:"verb"`
		ID        string `json:"id,omitempty"`
		Reference string `json:"reference,omitempty"`
		Args      any    `json:"args,omitempty"`
	}{category, r.verb, r.id, r.options.reference, r.args})
	if err != nil {
		return Fingerprint{}, fmt.Errorf("%s a %s: fingerprint the arguments: %w", r.verb, category, err)
	}
	return sha256.Sum256(text), nil
}
