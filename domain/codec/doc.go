// Package codec reads recorded events into the structs that the aggregates declare for them.
package codec
