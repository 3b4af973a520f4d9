package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func TestStackCallsVerbsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docker-compose.yml")
	require.NoError(t, err)
	var stack struct {
		Services map[string]struct {
			Image       string            `yaml:"image"`
			Command     []string          `yaml:"command"`
			Environment map[string]string `yaml:"environment"`
			HealthCheck struct {
				Test []string `yaml:"test"`
			} `yaml:"healthcheck"`
		} `yaml:"services"`
	}
	require.NoError(t, yaml.Unmarshal(text, &stack))

	root := modelOf(t).Node
	called := 0
	for name, service := range stack.Services {
		if service.Image != "contrail:local" {
			continue
		}
		called++
		commands := [][]string{service.Command}
		if test := service.HealthCheck.Test; len(test) > 2 {
			commands = append(commands, test[2:])
		}
		for _, command := range commands {
			verb, rest := verbOfModel(root, command)
			require.True(t, verb.Leaf(), "%s: contrail %s is no verb", name, strings.Join(command, " "))
			flags, variables := flagNames(verb)
			for _, word := range rest {
				if flag, is := strings.CutPrefix(word, "--"); is {
					require.Contains(t, flags, flag, "%s: contrail %s has no such flag", name, strings.Join(command, " "))
				}
			}
			for _, variable := range slices.Sorted(maps.Keys(service.Environment)) {
				if strings.HasPrefix(variable, "CONTRAIL_") && name != "migrate" && verb.Name != "health" {
					require.Contains(t, variables, variable, "%s: contrail %s does not read the variable", name, strings.Join(command, " "))
				}
			}
		}
	}
	require.GreaterOrEqual(t, called, 6)
}
