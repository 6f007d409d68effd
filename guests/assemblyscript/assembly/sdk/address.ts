/** Where messages go: a capability, to be kept and compared. */
export class Address {
  constructor(
    public index: u32,
    public low: u32,
    public high: u32,
  ) {}

  /** Reads the three words that lie at `at`. */
  static at(at: usize): Address {
    return new Address(load<u32>(at), load<u32>(at, 4), load<u32>(at, 8));
  }

  equals(other: Address): bool {
    return this.index == other.index && this.low == other.low && this.high == other.high;
  }
}
