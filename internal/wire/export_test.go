package wire

// DecodeGenerally decodes a message as any CloudEvent is decoded, whatever wrote it.
func DecodeGenerally(header map[string][]string, payload []byte) (Message, error) {
	if isBinary(header) {
		return decodeBinary(header, payload)
	}
	return decodeStructured(payload)
}

// DecodeVerbatim decodes a message only if it is just what Contrail writes.
func DecodeVerbatim(header map[string][]string, payload []byte) (Message, bool) {
	if isBinary(header) {
		return verbatimBinary(header, payload)
	}
	return verbatimStructured(payload)
}
