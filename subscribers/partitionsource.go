package subscribers

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// maxSourceFilters bounds the subjects that events are copied by, since the broker writes them all into a header of each copy. Beyond, all events are
// copied, and the partitions' consumers alone do the filtering.
const maxSourceFilters = 4

// transforms say which events are copied into the stream of the partitions, and under which subject: that of the event, behind the number of its
// partition.
func (c Config) transforms() []jetstream.SubjectTransformConfig {
	filters := c.filters()
	if len(filters) > maxSourceFilters {
		filters = []string{c.Prefix + ".>"}
	}
	key, _ := c.keyToken()
	var all []jetstream.SubjectTransformConfig
	for _, filter := range filters {
		for _, pattern := range spread(strings.Split(filter, "."), key) {
			all = append(all, jetstream.SubjectTransformConfig{
				Source: strings.Join(pattern, "."), Destination: destination(pattern, key, c.Partitions),
			})
		}
	}
	return all
}

// partitionFilters are the subjects of a partition's consumer.
func (c Config) partitionFilters(partition int) []string {
	filters := slices.Clone(c.filters())
	for i, filter := range filters {
		filters[i] = strconv.Itoa(partition) + "." + filter
	}
	return filters
}

// spread returns a filter as patterns in which the key token has a place of its own, and such that are too short to have one: a message that is
// no event of Contrail's has to go somewhere, too.
func spread(filter []string, key int) [][]string {
	open := len(filter) - 1 // where the filter's '>' is
	if filter[open] != ">" || open > key {
		return [][]string{filter}
	}
	var patterns [][]string
	known := filter[:open]
	for len(known) <= key {
		known = append(slices.Clone(known), "*")
		patterns = append(patterns, known)
	}
	return append(patterns, append(slices.Clone(known), ">"))
}

// destination is the subject that what matches a pattern is copied to, in the broker's language of subject transforms.
func destination(pattern []string, key, partitions int) string {
	tokens := []string{"0"}
	wildcards := 0
	for i, token := range pattern {
		if token == "*" {
			wildcards++
			token = "{{wildcard(" + strconv.Itoa(wildcards) + ")}}"
		}
		switch {
		case i != key || pattern[i] == ">":
		case pattern[i] == "*":
			tokens[0] = "{{partition(" + strconv.Itoa(partitions) + "," + strconv.Itoa(wildcards) + ")}}"
		default:
			tokens[0] = strconv.Itoa(partitionOf(pattern[i], partitions))
		}
		tokens = append(tokens, token)
	}
	return strings.Join(tokens, ".")
}

// partitionOf does what the broker's partition function does, for a token that a filter spells out.
func partitionOf(token string, partitions int) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(token))
	return int(hash.Sum32() % uint32(partitions)) //nolint:gosec // bounded by maxPartitions
}
