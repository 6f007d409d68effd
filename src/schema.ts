/**
 * Values that are checked: a codec around any validator of the Standard Schema (https://standardschema.dev),
 * such as those of zod, valibot and arktype.
 */
import { isObject, mismatch } from './check.js';
import { type Codec, json } from './codec.js';

/** A validator, as the Standard Schema describes it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What the standard is about. */
  readonly '~standard': {
    /** Version of the standard. */
    readonly version: 1;
    /** Who made it. */
    readonly vendor: string;
    /** Checks a value. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** For the compiler: what it takes and what it gives. */
    readonly types?:
      | {
          /** What it takes. */
          readonly input: Input;
          /** What it makes of that. */
          readonly output: Output;
        }
      | undefined;
  };
}

/** What a validator says: a value, or what is wrong. */
export type SchemaResult<Output> =
  | {
      /** The value, as the validator hands it out. */
      readonly value: Output;
      /** Nothing is wrong. */
      readonly issues?: undefined;
    }
  | {
      /** What is wrong. */
      readonly issues: readonly SchemaIssue[];
    };

/** Something that is wrong with a value. */
export interface SchemaIssue {
  /** What. */
  readonly message: string;
  /** Where in the value. */
  readonly path?:
    | readonly (
        | PropertyKey
        | {
            /** The property or the index. */
            readonly key: PropertyKey;
          }
      )[]
    | undefined;
}

/** What a value of a schema may be before it is checked. */
export type SchemaInput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input'];
/** What a value of a schema is after it was checked. */
export type SchemaOutput<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output'];

/** Most issues that an error names. */
const MAX_ISSUES = 3;

/** A value that a schema refuses. */
export class SchemaError extends TypeError {
  /** Where in the value the first fault is: `items.0.price`. */
  readonly path: string;

  /** @internal */
  constructor(issues: readonly SchemaIssue[]) {
    const told = issues.slice(0, MAX_ISSUES).map(({ message, path }) => {
      const at = textOf(path);
      return at === '' ? message : `${at}: ${message}`;
    });
    const more = issues.length > MAX_ISSUES ? ` (and ${issues.length - MAX_ISSUES} more)` : '';
    super(told.join('; ') + more);
    this.path = textOf(issues[0]?.path);
  }
}

function textOf(path: SchemaIssue['path']): string {
  return (path ?? []).map(step => String(typeof step === 'object' ? step.key : step)).join('.');
}

/**
 * Values of a schema, written by another codec, JSON unless told otherwise. What is sent is checked and goes as it is;
 * what is received is checked and is what the validator makes of it. A value that does not fit is `ERR_VALUE` with its
 * path. A validator that answers with a promise is refused: a message is written in the call that sends it.
 */
export function schema<S extends StandardSchema>(
  validator: S,
  codec: Codec<unknown, unknown> = json(),
): Codec<SchemaInput<S>, SchemaOutput<S>> {
  const standard = isSchema(validator) ? validator['~standard'] : undefined;
  if (standard === undefined) throw mismatch('validator', 'a validator of the Standard Schema, version 1', validator);
  const check = (value: unknown): unknown => {
    const result = standard.validate(value);
    if (result instanceof Promise) {
      // Whatever becomes of it, nobody waits for it.
      result.catch(() => {});
      throw new TypeError(`the validator of ${standard.vendor} is asynchronous, and a codec cannot wait`);
    }
    if (result.issues) throw new SchemaError(result.issues);
    return result.value;
  };
  return {
    encode(message) {
      check(message);
      return codec.encode(message);
    },
    decode: bytes => check(codec.decode(bytes)) as SchemaOutput<S>,
  };
}

function isSchema(value: unknown): value is StandardSchema {
  // A schema may be a function.
  const holder = isObject(value) || typeof value === 'function' ? (value as Partial<StandardSchema>) : undefined;
  const standard: unknown = holder?.['~standard'];
  return isObject(standard) && standard['version'] === 1 && typeof standard['validate'] === 'function';
}
