package subscribers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/contrail-events/contrail/internal/wire"
)

// maxPartitions bounds Config.Partitions: each is a consumer of the broker's.
const maxPartitions = 256

// partitionStream is the JetStream stream that holds the divided events of a durable.
func partitionStream(stream, durable string) string { return stream + "_" + durable }

// partitionConsumer is the durable consumer of a partition, on that stream.
func partitionConsumer(durable string, partition int) string {
	return durable + "_" + strconv.Itoa(partition)
}

// unfitForBucket is what the name of a bucket can't have.
var unfitForBucket = regexp.MustCompile(`[^a-zA-Z0-9_-]`)

// memberBucket is the key-value bucket that the members of a durable share. Where the names have characters that a bucket's can't have, a hash
// tells them apart.
func memberBucket(stream, durable string) string {
	name := "CONTRAIL_" + partitionStream(stream, durable)
	fit := unfitForBucket.ReplaceAllString(name, "-")
	if fit == name {
		return name
	}
	hash := sha256.Sum256([]byte(name))
	return fit + "-" + hex.EncodeToString(hash[:4])
}

// placeholders finds those of a template of subjects.
var placeholders = regexp.MustCompile(`\{[^}]*\}`)

// keyToken is the place, in an event's subject, of the token that decides its partition: the first that has the id of the event's stream, and
// nothing that two events of a stream may differ in. The category is not looked at, although it would spread streams better: a filter by category has no
// wildcard there, and a stream must not move when the filters change.
func (c Config) keyToken() (place int, found bool) {
	template := orDefault(c.Subject, wire.DefaultTemplate)
	for i, token := range strings.Split(template, ".") {
		identifies := strings.Contains(token, "{"+wire.PlaceID+"}")
		for _, name := range placeholders.FindAllString(token, -1) {
			identifies = identifies && (name == "{"+wire.PlaceID+"}" || name == "{"+wire.PlaceCategory+"}")
		}
		if identifies {
			return i + strings.Count(c.Prefix, ".") + 1, true
		}
	}
	return 0, false
}

func (c Config) checkPartitions() error {
	if err := checkRange("Partitions", c.Partitions, 0, maxPartitions); err != nil {
		return err
	}
	if _, found := c.keyToken(); c.Partitions > 0 && !found {
		return fmt.Errorf("%s: no token of Subject %q is made of {id} and perhaps {category} alone, for the broker to divide by", "Partitions", c.Subject)
	}
	return nil
}
