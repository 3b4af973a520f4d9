package deploy_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	plain    = []string{"dashboard", "migrate", "nats", "postgres", "relay-1", "relay-2", "serve", "subscriber"}
	observed = []string{"collector", "grafana", "jaeger", "prometheus"}
)

func TestStackIsHardened(t *testing.T) {
	t.Parallel()
	requireHardened(t, written(t), "..")
}

// requireHardened fails unless every service is as safe as docs/stack.md says.
func requireHardened(t *testing.T, parsed stack, root string) {
	t.Helper()
	for name, service := range parsed.Services {
		require.True(t, service.ReadOnly, "%s may write to its own files", name)
		require.Equal(t, []string{"ALL"}, service.CapDrop, name)
		require.Empty(t, service.CapAdd, name)
		require.Equal(t, []string{"no-new-privileges:true"}, service.SecurityOpt, name)
		require.False(t, service.Privileged, name)
		require.Empty(t, service.NetworkMode+service.PID, "%s shares a namespace of the host", name)
		require.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, service.User, "%s is root, or whoever its image says", name)
		require.NotEmpty(t, service.StopGrace, name)
		require.NotEmpty(t, service.Memory, name)
		require.Positive(t, service.PIDs, name)
		requirePinned(t, name, service, root)
		for _, port := range service.Ports {
			require.Equal(t, "127.0.0.1", port.host, "%s is published beyond this computer", name)
		}
		for _, mount := range service.Volumes {
			if strings.ContainsAny(mount.source, "./") {
				require.True(t, mount.readOnly, "%s may write to %s", name, mount.source)
				require.NotContains(t, mount.source, "docker.sock", name)
			}
		}
		if name == "migrate" { // it runs once, and what waits for it looks at how it ended
			require.Equal(t, "no", service.Restart)
			continue
		}
		require.Equal(t, "unless-stopped", service.Restart, name)
		require.NotEmpty(t, service.HealthCheck.Test, "%s has no health check", name)
		if service.Image == "contrail:local" {
			require.Equal(t, []string{"CMD", "/contrail", "health"}, service.HealthCheck.Test, name)
		}
	}
}

// requirePinned fails unless an image has an exact version, or is built from such.
func requirePinned(t *testing.T, name string, service service, root string) {
	t.Helper()
	exact := regexp.MustCompile(`^[\w./-]+:v?\d+\.\d+(\.\d+)?(-[\w.]+)?(@sha256:[0-9a-f]{64})?$`)
	if service.Build == nil {
		require.Regexp(t, exact, service.Image, name)
		return
	}
	file, folder := "Dockerfile", service.Build.Context
	if service.Build.Dockerfile != "" {
		file = service.Build.Dockerfile
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(root, folder)
	}
	text, err := os.ReadFile(filepath.Join(folder, file))
	require.NoError(t, err)
	from := regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllSubmatch(text, -1)
	require.NotEmpty(t, from, file)
	for _, image := range from {
		if string(image[1]) != "scratch" {
			require.Regexp(t, exact, string(image[1]), file)
		}
	}
	users := regexp.MustCompile(`(?m)^USER (\S+)`).FindAllSubmatch(text, -1)
	require.NotEmpty(t, users, "%s: it runs as root", file)
	require.Equal(t, service.User, string(users[len(users)-1][1]), "%s and docker-compose.yml disagree", file)
}

func TestStackResolves(t *testing.T) {
	t.Parallel()
	compose := composeCommand(t)
	for profile, want := range map[string][]string{"": plain, "observability": slices.Sorted(slices.Values(slices.Concat(plain, observed)))} {
		arguments := append(slices.Clone(compose[1:]), "--file", "../docker-compose.yml")
		if profile != "" {
			arguments = append(arguments, "--profile", profile)
		}
		command := exec.CommandContext(t.Context(), compose[0], append(arguments, "config")...)
		command.Env = append(os.Environ(), "CONTRAIL_DASHBOARD_TOKEN=0123456789abcdef", "COMPOSE_PROFILES=", "POSTGRES_PORT=15432")
		var problem bytes.Buffer
		command.Stderr = &problem
		resolved, err := command.Output()
		require.NoError(t, err, problem.String())
		parsed := parseStack(t, resolved)
		for name, service := range parsed.Services {
			if len(service.Profiles) > 0 && !slices.Contains(service.Profiles, profile) {
				delete(parsed.Services, name) // old releases print what they would not start
			}
		}
		require.Equal(t, want, slices.Sorted(maps.Keys(parsed.Services)))
		requireHardened(t, parsed, "..")
	}
}

// composeCommand is docker compose, however it is installed.
func composeCommand(t *testing.T) []string {
	t.Helper()
	if path, err := exec.LookPath("docker-compose"); err == nil {
		return []string{path}
	}
	if exec.CommandContext(t.Context(), "docker", "compose", "version").Run() == nil {
		return []string{"docker", "compose"}
	}
	t.Skip("docker compose is not installed; TestStackIsHardened has looked at the file itself")
	return nil
}

func TestDashboardTokenHasNoDefault(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `^\$\{CONTRAIL_DASHBOARD_TOKEN:\?.+\}$`, written(t).Services["dashboard"].Environment["CONTRAIL_DASHBOARD_TOKEN"])
}
