package contrail

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Metadata is what goes along with an event: a flat map of strings. Keys match [a-z][a-z0-9_]*. In a message each key is an extension
// attribute of the CloudEvent with its underscores dropped, so a key must not become one of CloudEvents' own attributes
// (id, source, type …), and no two keys may become the same one.
type Metadata map[string]string

// Keys that Contrail itself gives a meaning.
const (
	KeyCorrelationID = "correlation_id" // joins all that one request set off
	KeyCausationID   = "causation_id"   // the id of the event or command that led to this one
	KeyTenantID      = "tenant_id"
	KeyUserID        = "user_id"
	KeyTraceparent   = "traceparent"    // W3C trace context
	KeyTracestate    = "tracestate"     // likewise
	KeySchemaVersion = "schema_version" // of the event's data; absent means 1. Package codec writes it
	KeySealedWith    = "key_id"         // the key that the data is encrypted with; the store writes it
)

// With returns a copy of m in which key has value.
func (m Metadata) With(key, value string) Metadata {
	copied := make(Metadata, len(m)+1)
	maps.Copy(copied, m)
	copied[key] = value
	return copied
}

// Validate returns an [*InvalidError] that names the first bad key in alphabetical order.
func (m Metadata) Validate() error {
	if len(m) == 0 {
		return nil
	}
	taken := make(map[string]string, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		attribute := Attribute(key)
		reason := ""
		switch other := taken[attribute]; {
		case !isMetadataKey(key):
			reason = "must match [a-z][a-z0-9_]*"
		case isReserved(attribute):
			reason = "is an attribute of CloudEvents itself; choose another name"
		case other != "":
			reason = "becomes the same CloudEvents attribute as " + other
		case strings.ContainsRune(m[key], 0):
			reason = "has a value with a NUL, which PostgreSQL cannot hold"
		case !utf8.ValidString(m[key]):
			reason = "has a value that is not UTF-8"
		}
		if reason != "" {
			return &InvalidError{What: "metadata key", Value: key, Reason: reason}
		}
		taken[attribute] = key
	}
	return nil
}

// Attribute is the name of the CloudEvents extension attribute that a metadata key becomes: the key without its underscores.
func Attribute(key string) string { return strings.ReplaceAll(key, "_", "") }

func isMetadataKey(key string) bool {
	if key == "" || key[0] < 'a' || key[0] > 'z' {
		return false
	}
	return !strings.ContainsFunc(key, func(r rune) bool { return !isWord(r) || r >= 'A' && r <= 'Z' })
}

// isReserved lists the attributes that a message already has.
func isReserved(attribute string) bool {
	return slices.Contains([]string{
		"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "database64",
		"partitionkey", "sequence", "streamversion",
	}, attribute)
}
