package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/contrail-events/contrail/eventstore/erasure"
)

// keysVerb looks after the keys of persons.
type keysVerb struct {
	List   keysListVerb   `cmd:"" help:"List the persons who have a key."`
	Erase  keysEraseVerb  `cmd:"" help:"Make the events of a person unreadable for ever, by deleting the key."`
	Rewrap keysRewrapVerb `cmd:"" help:"Wrap all keys anew with another key-encryption key."`
}

// keysFlag gives a verb the key-encryption keys.
type keysFlag struct {
	Keys string `placeholder:"ID:KEY,…" help:"Key-encryption keys, the one to encrypt with first: an id, a colon and 32 bytes as base64 each, as in 2026-11:$(openssl rand -base64 32). @FILE reads them from a file, one a line; the command line is for all to see."`
}

// keyring returns the keys that are given, nil when there are none.
func (f keysFlag) keyring() (*erasure.Keyring, error) {
	text := f.Keys
	if file, named := strings.CutPrefix(text, "@"); named {
		content, err := os.ReadFile(file) //nolint:gosec // it is the user's to name
		if err != nil {
			return nil, fmt.Errorf("read key-encryption keys: %w", err)
		}
		text = string(content)
	}
	if f.Keys == "" {
		return nil, nil //nolint:nilnil // a nil keyring holds no keys
	}
	keks, err := erasure.ParseKEKs(text)
	if err != nil {
		return nil, usageError{err.Error()}
	}
	return erasure.NewKeyring(keks...)
}
