package erasure_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func BenchmarkSeal(b *testing.B) {
	key, _ := newKey(b, keyring(b, "2026-11"))
	event := contact(key, "42", name)
	data := json.RawMessage(`{"text":"` + strings.Repeat("x", 500) + `"}`)
	for b.Loop() {
		key.Seal(event.ID, event.Stream, event.Type, data)
	}
}

// BenchmarkOpen shows what unwrapping a key costs a reader of the store, which sees many events of one person, or few of each of many.
func BenchmarkOpen(b *testing.B) {
	ring := keyring(b, "2026-11")
	key, wrapped := newKey(b, ring)
	event := contact(key, "42", `{"text":"`+strings.Repeat("x", 500)+`"}`)
	b.Run("a key for the first time", func(b *testing.B) {
		for b.Loop() {
			if _, err := keyring(b, "2026-11").Open(event, &wrapped); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("a key again", func(b *testing.B) {
		for b.Loop() {
			if _, err := ring.Open(event, &wrapped); err != nil {
				b.Fatal(err)
			}
		}
	})
}
