package main

import (
	"context"
	"errors"

	"github.com/contrail-events/contrail/eventstore/erasure"
)

// keysRewrapVerb changes the key-encryption key.
type keysRewrapVerb struct {
	keysFlag

	Batch int  `default:"500" help:"Keys in one transaction, at most."`
	JSON  bool `name:"json" help:"Print JSON."`
}

// Help teaches.
func (*keysRewrapVerb) Help() string {
	return `Wraps every key anew that is not wrapped with the first of the given key-encryption keys. No event is touched, and services go on
meanwhile. To change the key-encryption key, put the new one in front of the old one in the configuration of every service, and
restart them; run this; then take the old one away. It may be interrupted and run again at any time. It exits 1 when keys are left that
could not be unwrapped.

Examples:

  CONTRAIL_KEYS=2026-11:$NEW,2025-03:$OLD contrail keys rewrap
  contrail keys rewrap --keys @/run/secrets/contrail-keys`
}

// Run wraps anew.
func (v *keysRewrapVerb) Run(ctx context.Context, a *app) error {
	if err := atLeast("--batch", v.Batch, 1); err != nil {
		return err
	}
	keyring, err := v.keyring()
	if err != nil {
		return err
	}
	if keyring == nil {
		return usagef("no key-encryption keys are given; set CONTRAIL_KEYS, or give --keys @FILE")
	}
	pool, err := a.openStore(ctx, 1)
	if err != nil {
		return err
	}
	defer pool.Close()
	keys, err := erasure.NewKeys(pool, keyring, erasure.Config{})
	if err != nil {
		return err
	}
	done, err := keys.Rewrap(ctx, v.Batch)
	if v.JSON {
		return errors.Join(a.printJSON(done), err)
	}
	a.printf("%s wrapped anew, %s already\n", plural(done.Changed, "key"), thousands(done.Current))
	return err
}
