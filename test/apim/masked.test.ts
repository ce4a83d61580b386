import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePolicies } from '../../src/apim/document.ts';
import { maskExpressions, placeAt } from '../../src/apim/masked.ts';
import { PolicyImportError } from '../../src/import/errors.ts';

describe('expressions hidden from XML', () => {
  test.each([
    ['a comparison', '@(a["n"] < 2 && b > 1)'],
    ['brackets in a text', '@(a.Contains(")") || b[")"] == "}")'],
    ['an escaped quote', String.raw`@(a == "\")" )`],
    ['a verbatim text', String.raw`@(a == @"\" || b == @"("")")`],
    ['a character', `@(a == '(' || b == '"' || c == '\\'')`],
    ['comments', '@{ /* ) " */ return a; // } "\n }'],
    ['entities', '@(a == &quot;)&quot; &amp;&amp; 1 &lt; 2)'],
    ['a type argument', '@(context.Request.Body.As<JObject>(true)["n"] != null)'],
  ])('%s', (_, expression) => {
    const source = `<a b="${expression}" c='1'/>`;
    const { xml, unmask } = maskExpressions(source);
    expect(xml).toHaveLength(source.length);
    expect(unmask(xml)).toBe(source);
    const [element] = parsePolicies(source);
    const decoded = expression.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<');
    expect(element?.attributes.get('b')?.text).toBe(decoded);
    expect(element?.attributes.get('c')?.text).toBe('1');
  });

  test('the text of an element', () => {
    const [element] = parsePolicies('<set-body>@{ return a < b && c["x"]; }</set-body>');
    expect(element?.text).toBe('@{ return a < b && c["x"]; }');
  });

  test('comments of XML are none', () => {
    const [element] = parsePolicies(`<a><!-- it's "@(broken" --><b c="@(d)"/></a>`);
    expect(element?.children.map(({ name }) => name)).toEqual(['b']);
  });

  test.each([
    ['<a b="1"\n c="@(d[" />', 2, 5],
    ['<a>\n  @{ return 1; </a>', 2, 3],
    ['<a b="@(d))" />x"@(', 1, 18],
    ['<a b="@(d[)" />', 1, 7],
    ['<a b="@(d[))" />', 1, 7],
  ])('one that does not end: %s', (xml, line, column) => {
    expect(() => maskExpressions(xml)).toThrow(
      expect.objectContaining({ name: 'PolicyImportError', line, column, element: 'expression' }),
    );
  });

  const piece = fc.constantFrom(
    '<a b="',
    '"/>',
    '@(',
    '@{',
    ')',
    '}',
    '\n',
    '\r\n',
    '"',
    "'",
    '&quot;',
    '&',
    '<',
    '>',
    '\\',
    '//',
    '/*',
    '*/',
    '<!--',
    '-->',
    '\ue000',
    '\ue003',
    'x',
  );
  const anyText = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
  );

  test('no line and no column moves, whatever the text', () => {
    fc.assert(
      fc.property(anyText, (source) => {
        let masked: ReturnType<typeof maskExpressions>;
        try {
          masked = maskExpressions(source);
        } catch (error) {
          expect(error).toBeInstanceOf(PolicyImportError);
          return;
        }
        expect(masked.unmask(masked.xml)).toBe(source);
        expect([...masked.xml.matchAll(/\n/g)].map(({ index }) => index)).toEqual(
          [...source.matchAll(/\n/g)].map(({ index }) => index),
        );
      }),
      { numRuns: 2_000 },
    );
  });

  test('an element stands where it stood, behind any number of lines and expressions', () => {
    const before = fc.constantFrom(
      '<x/>',
      '\n',
      '  ',
      '<x y="@(a["<"] && \n b)"/>',
      '<!-- \n -->',
      '<x>@("&")</x>',
    );
    fc.assert(
      fc.property(fc.array(before, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        const found = parsePolicies(`${text}<target k="v"/>`).at(-1);
        expect(found?.place).toEqual(placeAt(text, text.length, 'target'));
        expect(found?.attributes.get('k')?.placeAt(0)).toEqual(placeAt(text, text.length + 11, 'target'));
      }),
    );
  });
});

test.each([
  ['nothing that is closed', '<a>\n<b></a>', 2],
  ['an attribute twice', '<a/>\n<a b="1" b="2"/>', 2],
  ['an attribute without quotes', '\n\n<a b=1/>', 3],
  ['an unknown entity', '<a>&foo;</a>', 1],
  ['an open tag', '<a', 1],
  ['a document type', '<!DOCTYPE a [<!ENTITY b "c">]><a/>', 1],
])('what is no XML is an error with its line: %s', (_, xml, line) => {
  expect(() => parsePolicies(xml)).toThrow(expect.objectContaining({ name: 'PolicyImportError', line }));
});

test('a declaration, a byte order mark and line ends of Windows move no line', () => {
  const xml = '\uFEFF<?xml version="1.0"?>\r\n<policies>\r\n  <inbound a="@(b &&\r\n c)"/>\r\n</policies>';
  const [policies] = parsePolicies(xml);
  expect(policies?.place).toMatchObject({ line: 2, column: 1 });
  const inbound = policies?.children[0];
  expect(inbound?.place).toMatchObject({ line: 3, column: 3 });
  expect(inbound?.attributes.get('a')?.placeAt(7)).toMatchObject({ line: 4, column: 1 });
});
