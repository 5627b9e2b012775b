"""Real messages of the template feed, for the contract tests and the fuzzer."""


def messages() -> list[bytes]:
    lines = [f"{1790000000.0 + 0.5 * k:.2f} {60.1 + 0.001 * k:.4f} {24.9 - 0.002 * k:.4f}\n" for k in range(20)]
    return [line.encode() for line in lines] + ["".join(lines).encode()]
