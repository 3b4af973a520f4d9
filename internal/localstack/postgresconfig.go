package localstack

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// PostgresConfig says where and how to run PostgreSQL. The zero value is a temporary cluster that is fast and not durable.
type PostgresConfig struct {
	// Dir is the folder of the cluster: made if it does not exist, refused if it holds anything else, kept by Close and used again, with
	// its data and its password, by the next start. Default "": a temporary folder, which Close removes.
	Dir string

	// Durable makes commits survive a crash of the machine: fsync and full_page_writes stay on. A crash of PostgreSQL or of this
	// program they survive anyway. A cluster in Dir is always durable. Default false.
	Durable bool

	// Settings are further parameters of the server, such as "log_statement": "all"; they override what this package chooses. Where it
	// listens, its files and where it logs can't be set. Default none.
	Settings map[string]string

	// Logger gets a line at info when the server starts and stops. Default: none. What PostgreSQL itself prints is in LogPath.
	Logger *slog.Logger

	choosePort func() (int, error) // for tests; default freePort
}

// validate reports every fault at once.
func (c PostgresConfig) validate() error {
	name := regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$`)
	ours := []string{
		"port", "listen_addresses", "unix_socket_directories", "data_directory", "config_file", "hba_file", "external_pid_file",
		"logging_collector", "log_destination",
	}
	var faults []error
	for _, key := range slices.Sorted(maps.Keys(c.Settings)) {
		switch {
		case !name.MatchString(key):
			faults = append(faults, fmt.Errorf("in Settings: %q is not the name of a parameter", key))
		case slices.Contains(ours, key):
			faults = append(faults, fmt.Errorf("in Settings: %s is not yours to set", key))
		case strings.ContainsRune(c.Settings[key], 0):
			faults = append(faults, fmt.Errorf("in Settings: the value of %s has a NUL", key))
		}
	}
	return errors.Join(faults...)
}

// arguments are the server's, in a fixed order.
func (c PostgresConfig) arguments(data string, port int, durable bool) []string {
	settings := map[string]string{
		"shared_buffers": "64MB", // what the demo and a test touch; more costs start time
		"timezone":       "UTC",
		"log_timezone":   "UTC",
	}
	if !durable {
		settings["fsync"], settings["full_page_writes"] = "off", "off"
	}
	maps.Copy(settings, c.Settings)
	maps.Copy(settings, map[string]string{
		"listen_addresses": loopback, "port": strconv.Itoa(port), "unix_socket_directories": "",
		"logging_collector": "off", "log_destination": "stderr",
	})
	arguments := []string{"-D", data}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		arguments = append(arguments, "-c", key+"="+settings[key])
	}
	return arguments
}
